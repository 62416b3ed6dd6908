import type { WebClient } from '@slack/web-api';
import type { Outgoing, Route } from '../adapter.ts';
import { refused } from '../failures.ts';
import { asFailure, slackCode } from './client.ts';
import { render } from './render.ts';

/** The message can no longer be edited, so its next state is a new one. */
const uneditable = new Set([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'channel_not_found',
]);
/** We are not in the channel (a slash command works everywhere): the answer goes to the person directly. */
const outside = new Set(['not_in_channel', 'channel_not_found', 'is_archived']);

/** Nothing in our text makes Slack call people, add previews or read markup. */
const inert = { parse: 'none', link_names: false } as const;

/**
 * Posts or edits one message.
 * @param previous `channel:ts` of the message to edit
 * @returns `channel:ts`
 * @throws GatehouseError `GH-CHANNEL-005` or `GH-CHANNEL-006`
 */
export async function sendToSlack(
  client: WebClient,
  route: Route,
  message: Outgoing,
  previous: string | null,
): Promise<string> {
  const drawn = render(message);
  try {
    if (previous !== null) {
      const edited = await edit(client, previous, drawn);
      if (edited !== null) return edited;
    }
    const user = route.user ?? null;
    if (!route.channel) return await post(client, await directChannel(client, user), null, drawn);
    try {
      return await post(client, route.channel, route.thread ?? null, drawn);
    } catch (error) {
      if (user === null || !outside.has(slackCode(error) ?? '')) throw error;
      return await post(client, await directChannel(client, user), null, drawn);
    }
  } catch (error) {
    throw asFailure(error);
  }
}

type Drawn = ReturnType<typeof render>;

async function edit(client: WebClient, previous: string, drawn: Drawn): Promise<string | null> {
  const [channel = '', ts = ''] = previous.split(':');
  try {
    await client.chat.update({ channel, ts, ...drawn, ...inert });
    return previous;
  } catch (error) {
    if (uneditable.has(slackCode(error) ?? '')) return null;
    throw error;
  }
}

async function post(
  client: WebClient,
  channel: string,
  thread: string | null,
  drawn: Drawn,
): Promise<string> {
  const sent = await client.chat.postMessage({
    channel,
    ...drawn,
    ...inert,
    ...(thread === null ? {} : { thread_ts: thread }),
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
  });
  // Slack answers with the channel that it really used.
  return `${sent.channel ?? channel}:${sent.ts ?? ''}`;
}

async function directChannel(client: WebClient, user: string | null): Promise<string> {
  if (user === null) throw refused('Slack', 'no_route');
  const opened = await client.conversations.open({ users: user });
  if (!opened.channel?.id) throw refused('Slack', 'no_direct_channel');
  return opened.channel.id;
}
