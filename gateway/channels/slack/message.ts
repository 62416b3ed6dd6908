import { z } from 'zod';
import { compiled, parseCommand } from '../../envelope/index.ts';
import type { Inbound, InboundMessage, Route } from '../adapter.ts';
import { nameAttachments, type ToldFile } from '../attachments.ts';
import type { JsonFlaw } from '../json.ts';
import { flawOf, unusable } from '../unusable.ts';
import { undoMarkup } from './markup.ts';

/** Ids of Slack objects: a letter and capitals or digits. */
export const slackId = z.string().regex(/^[A-Z][A-Z0-9]{1,39}$/);
export const slackTs = z.string().regex(/^\d{1,12}\.\d{1,6}$/);
/** Envelopes hold 20,000 characters; entities and link markup make Slack's text longer. */
export const slackText = z.string().max(60_000);

const FileSchema = z.looseObject({
  id: slackId,
  mimetype: z.string().max(128).nullish(),
  size: z.number().int().min(0).nullish(),
  name: z.string().max(1000).nullish(),
  mode: z.string().max(64).nullish(),
  url_private: z.string().max(10_000).nullish(),
});

const BodySchema = z.looseObject({
  user: slackId,
  ts: slackTs,
  text: slackText.optional(),
  thread_ts: slackTs.optional(),
  files: z.array(FileSchema).max(50).optional(),
  edited: z.looseObject({ user: slackId, ts: slackTs }).optional(),
});

const PlaceSchema = z.looseObject({
  channel: slackId,
  channel_type: z.string().max(32).optional(),
  team: slackId.optional(),
  user_team: slackId.optional(),
});

const CallbackSchema = z.looseObject({
  team_id: slackId,
  is_ext_shared_channel: z.boolean().optional(),
  authorizations: z
    .array(z.looseObject({ user_id: slackId.optional(), is_bot: z.boolean().optional() }))
    .max(100)
    .optional(),
});

const checkBody = compiled(BodySchema);
const checkPlace = compiled(PlaceSchema);
const checkCallback = compiled(CallbackSchema);

/** Subtypes of `message` that a person wrote; the rest are Slack's notices. */
const typed = new Set([undefined, 'file_share', 'thread_broadcast', 'me_message']);

/**
 * A `message` or `app_mention` event of the Events API; the same through Socket Mode.
 * Source: https://docs.slack.dev/reference/events/message
 * @param payload the parsed `event_callback`
 * @param self our own user id in the workspace, once it is known
 */
export function parseMessageEvent(payload: unknown, raw: string, self: string | null): Inbound {
  const event = (payload as { event: Record<string, unknown> }).event;
  const edited = event.subtype === 'message_changed';
  const body = edited ? event.message : event;
  // Only what cannot be used is asked once more what it is about.
  const useless = (flaw: JsonFlaw): Inbound => unusable(flaw, raw, aboutMessage(payload));
  const callback = checkCallback(payload);
  if (isMachine(event, self) || (isObject(body) && isMachine(body, self)))
    return { kind: 'ignored', reason: 'bot' };
  if (!callback.success) return useless(flawOf(callback.error));
  const own = callback.data.authorizations?.find((entry) => entry.is_bot)?.user_id ?? self;
  if (isObject(body) && own !== null && body.user === own) return { kind: 'ignored', reason: 'bot' };
  // Slack changes messages too: it adds previews and takes deleted ones away.
  if (edited && isObject(body) && body.edited === undefined) return { kind: 'ignored', reason: 'no-edit' };
  if (!edited && !typed.has(event.subtype as string | undefined))
    return { kind: 'ignored', reason: 'subtype' };

  const place = checkPlace(event);
  if (!place.success) return useless(flawOf(place.error, 'event'));
  const message = checkBody(body);
  if (!message.success) return useless(flawOf(message.error, edited ? 'event.message' : 'event'));
  if (edited && !isOwnEdit(message.data, event.previous_message))
    return { kind: 'ignored', reason: 'no-edit' };
  return build(callback.data, place.data, message.data, edited, raw, own);
}

function build(
  callback: z.output<typeof CallbackSchema>,
  place: z.output<typeof PlaceSchema>,
  message: z.output<typeof BodySchema>,
  edited: boolean,
  raw: string,
  own: string | null,
): Inbound {
  const team = callback.team_id;
  const { text, mentions } = undoMarkup(message.text ?? '', own);
  const visibility = visibilityOf(place.channel, place.channel_type, callback.is_ext_shared_channel);
  const route: Route = {
    channel: place.channel,
    thread: message.thread_ts ?? (visibility === 'dm' ? null : message.ts),
    user: message.user,
  };
  const sender = memberId(message.user, place.user_team ?? place.team, team);
  const flaw = tooMuch(text, mentions);
  if (flaw) {
    const edit = edited ? [message.edited?.ts] : [];
    return unusable(flaw, raw, { nativeId: [place.channel, message.ts, ...edit].join(':'), sender, route });
  }
  const command = edited ? null : parseCommand(text);
  const result: InboundMessage = {
    event: edited ? 'edited' : command ? 'command' : 'created',
    channel: {
      kind: 'slack',
      account: team,
      conversation: place.channel,
      thread: message.thread_ts ?? null,
      visibility,
    },
    message: {
      nativeId: message.ts,
      replyTo: message.thread_ts === undefined || message.thread_ts === message.ts ? null : message.thread_ts,
      revision: edited && message.edited ? micros(message.edited.ts) : 0,
    },
    sender: { nativeId: sender, display: message.user, isBot: false },
    ingress: 'signature',
    content: { text, mentions, command, action: null, reaction: null },
    attachments: nameAttachments((message.files ?? []).map(toldFile)),
    time: new Date(Number(message.ts) * 1000).toISOString(),
    route,
    raw,
  };
  return { kind: 'messages', messages: [result] };
}

/** https://docs.slack.dev/reference/objects/file-object */
function toldFile({
  id,
  name,
  mimetype,
  size,
  mode,
  url_private: url,
}: z.output<typeof FileSchema>): ToldFile {
  const isGone = mode === 'tombstone' || mode === 'hidden_by_limit';
  const source = isGone ? 'gone' : mode === 'external' || !url ? 'elsewhere' : { url };
  return { nativeId: id, name: name ?? null, mime: mimetype ?? null, bytes: size ?? 0, source };
}

/** What an envelope cannot hold, named before it is built. */
export function tooMuch(text: string, mentions: readonly string[]): { reason: string; field: string } | null {
  if (mentions.length > 200)
    return { reason: 'It mentions more than 200 people.', field: 'content.mentions' };
  if (text.length > 20_000) return { reason: 'It has more than 20,000 characters.', field: 'content.text' };
  return null;
}

/**
 * A member of another workspace (Slack Connect) gets that workspace's id in front: member ids are only unique within
 * one, and nobody outside may become somebody inside.
 */
export function memberId(user: string, userTeam: string | undefined, team: string): string {
  return userTeam === undefined || userTeam === team ? user : `${userTeam}/${user}`;
}

/** @param external the channel is shared with another organisation */
export function visibilityOf(
  channel: string,
  type: string | undefined,
  external = false,
): InboundMessage['channel']['visibility'] {
  if (type === 'im' || channel.startsWith('D')) return external ? 'external' : 'dm';
  if (external) return 'external';
  if (type === 'group' || type === 'mpim' || channel.startsWith('G')) return 'private';
  return 'public';
}

/** Best effort on a payload that failed its checks: which message it was and where its sender reads. */
export function aboutMessage(payload: unknown): { nativeId?: string; sender?: string; route?: Route } {
  const event = isObject(payload) && isObject(payload.event) ? payload.event : {};
  const body = event.subtype === 'message_changed' && isObject(event.message) ? event.message : event;
  const channel = slackId.safeParse(event.channel);
  const user = slackId.safeParse(body.user);
  const ts = slackTs.safeParse(body.ts);
  const edit = slackTs.safeParse(isObject(body.edited) ? body.edited.ts : undefined);
  if (!channel.success || !user.success || body.bot_id !== undefined) return {};
  const thread = slackTs.safeParse(body.thread_ts);
  const team = slackId.safeParse(isObject(payload) ? payload.team_id : undefined).data ?? '';
  const home = slackId.safeParse(event.user_team ?? event.team).data;
  return {
    sender: memberId(user.data, home, team),
    route: { channel: channel.data, thread: thread.success ? thread.data : null, user: user.data },
    ...(ts.success ? { nativeId: [channel.data, ts.data, edit.data].filter(Boolean).join(':') } : {}),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Programs are never answered: two of them would talk for ever. */
function isMachine(message: Record<string, unknown>, self: string | null): boolean {
  if (message.bot_id !== undefined || message.subtype === 'bot_message') return true;
  return self !== null && message.user === self;
}

/** Slack also reports a change when it adds a link preview; and only the author's own edit is the author's text. */
function isOwnEdit(message: z.output<typeof BodySchema>, previous: unknown): boolean {
  if (!message.edited || message.edited.user !== message.user) return false;
  return !isObject(previous) || previous.text !== message.text;
}

/** A Slack timestamp as an integer that grows with each edit; below 2^53 until the year 2255. */
function micros(ts: string): number {
  const [seconds = '0', fraction = ''] = ts.split('.');
  return Number(seconds) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}
