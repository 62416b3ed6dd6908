import { z } from 'zod';
import { parseCommand } from '../../envelope/index.ts';
import type { Inbound, InboundMessage, Route } from '../adapter.ts';
import { flawOf, unusable } from '../unusable.ts';
import { undoMarkup } from './markup.ts';
import { memberId, slackId, slackText, slackTs, tooMuch, visibilityOf } from './message.ts';

/** Ids of the buttons that we draw start so; a click on anything else is not ours. */
export const actionPrefix = 'gh-';

const ClickSchema = z.looseObject({
  team: z.looseObject({ id: slackId }),
  user: z.looseObject({ id: slackId, team_id: slackId.optional(), name: z.string().max(256).optional() }),
  channel: z.looseObject({ id: slackId }),
  message: z.looseObject({ ts: slackTs, thread_ts: slackTs.optional() }),
  actions: z
    .array(
      z.looseObject({
        action_id: z.string().max(255),
        action_ts: slackTs,
        value: z.string().max(512).optional(),
      }),
    )
    .min(1)
    .max(1),
});

/**
 * A click on a button.
 * Source: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
 */
export function parseInteraction(payload: unknown, raw: string, receivedAt: Date): Inbound {
  const type = (payload as { type?: unknown } | null)?.type;
  if (type !== 'block_actions') return { kind: 'ignored', reason: 'interaction' };
  if (!isOurs(payload)) return { kind: 'ignored', reason: 'foreign-action' };
  const parsed = ClickSchema.safeParse(payload);
  if (!parsed.success) return unusable(flawOf(parsed.error), raw, aboutForm(payload));
  const { team, user, channel, message } = parsed.data;
  const action = parsed.data.actions[0];
  if (action?.value === undefined) return { kind: 'ignored', reason: 'foreign-action' };
  const click: InboundMessage = {
    event: 'action',
    channel: {
      kind: 'slack',
      account: team.id,
      conversation: channel.id,
      thread: message.thread_ts ?? null,
      visibility: visibilityOf(channel.id, undefined),
    },
    message: { nativeId: `${message.ts}/${action.action_ts}`, replyTo: message.ts, revision: 0 },
    sender: {
      nativeId: memberId(user.id, user.team_id, team.id),
      display: user.name ?? user.id,
      isBot: false,
    },
    ingress: 'signature',
    content: {
      text: '',
      mentions: [],
      command: null,
      action: { id: action.action_id.slice(0, 64), value: action.value },
      reaction: null,
    },
    attachments: [],
    time: receivedAt.toISOString(),
    route: { channel: channel.id, thread: message.thread_ts ?? null, user: user.id },
    raw,
  };
  return { kind: 'messages', messages: [click] };
}

/** Blocks in modals and home tabs report clicks too, in other shapes; we draw none there. */
function isOurs(payload: unknown): boolean {
  const { actions } = payload as { actions?: unknown };
  if (!Array.isArray(actions)) return true;
  return actions.some((action: { action_id?: unknown } | null) =>
    String(action?.action_id).startsWith(actionPrefix),
  );
}

const SlashSchema = z.looseObject({
  team_id: slackId,
  channel_id: slackId,
  channel_name: z.string().max(256).optional(),
  user_id: slackId,
  user_name: z.string().max(256).optional(),
  command: z.string().regex(/^\/\S{1,64}$/),
  text: slackText.default(''),
  trigger_id: z.string().min(1).max(200),
});

/**
 * A slash command. `/gatehouse pay …` means `/pay …`, for workspaces where a short name is taken already.
 * Source: https://docs.slack.dev/interactivity/implementing-slash-commands
 */
export function parseSlashCommand(fields: unknown, raw: string, receivedAt: Date): Inbound {
  const parsed = SlashSchema.safeParse(fields);
  if (!parsed.success) return unusable(flawOf(parsed.error), raw, aboutForm(fields));
  const { team_id: team, channel_id: channel, user_id: user, command: name } = parsed.data;
  const { text: rest, mentions } = undoMarkup(parsed.data.text, null);
  const text = (name === '/gatehouse' ? `/${rest.trim() || 'help'}` : `${name} ${rest}`).trim();
  const route = { channel, thread: null, user };
  const flaw = tooMuch(text, mentions);
  if (flaw) return unusable(flaw, raw, { nativeId: parsed.data.trigger_id, sender: user, route });
  const type = { directmessage: 'im', privategroup: 'group' }[parsed.data.channel_name ?? ''];
  const command = parseCommand(text);
  const message: InboundMessage = {
    event: command ? 'command' : 'created',
    channel: {
      kind: 'slack',
      account: team,
      conversation: channel,
      thread: null,
      visibility: visibilityOf(channel, type),
    },
    message: { nativeId: parsed.data.trigger_id, replyTo: null, revision: 0 },
    sender: { nativeId: user, display: parsed.data.user_name ?? user, isBot: false },
    ingress: 'signature',
    content: { text, mentions, command, action: null, reaction: null },
    attachments: [],
    time: receivedAt.toISOString(),
    route,
    raw,
  };
  return { kind: 'messages', messages: [message] };
}

const AboutSchema = z.union([
  z
    .looseObject({ channel_id: slackId, user_id: slackId })
    .transform(({ channel_id: channel, user_id: user }) => ({ channel, user })),
  z
    .looseObject({ channel: z.looseObject({ id: slackId }), user: z.looseObject({ id: slackId }) })
    .transform(({ channel, user }) => ({ channel: channel.id, user: user.id })),
]);

/** Best effort on a slash command or a click that failed its checks: where its sender reads. */
export function aboutForm(fields: unknown): { sender?: string; route?: Route } {
  const about = AboutSchema.safeParse(fields);
  return about.success ? { sender: about.data.user, route: { ...about.data, thread: null } } : {};
}
