import { z } from 'zod';
import { parseCommand } from '../../envelope/index.ts';
import type { Inbound, InboundAttachment, InboundMessage, Route } from '../adapter.ts';
import { nameAttachments } from '../attachments.ts';
import { flawOf, unusable } from '../unusable.ts';

/** The bot that a token belongs to. */
export interface Bot {
  id: string;
  /** Without `@`; null until the vendor told. */
  username: string | null;
}

/** Telegram's ids have at most 52 significant bits. */
const id = z.number().int();
const UserSchema = z.looseObject({
  id,
  is_bot: z.boolean(),
  first_name: z.string().max(256),
  last_name: z.string().max(256).optional(),
});
const ChatSchema = z.looseObject({
  id,
  type: z.enum(['private', 'group', 'supergroup', 'channel']),
  username: z.string().max(64).optional(),
});
const EntitySchema = z.looseObject({
  type: z.string().max(64),
  offset: z.number().int().min(0),
  length: z.number().int().min(0),
  user: z.looseObject({ id }).optional(),
});
const entities = z.array(EntitySchema).max(20_000).optional();
const FileSchema = z.looseObject({
  file_id: z.string().min(1).max(256),
  /** The same over time and for every bot, unlike `file_id`. */
  file_unique_id: z.string().min(1).max(256).optional(),
  file_name: z.string().max(1000).optional(),
  file_size: z.number().int().min(0).optional(),
  mime_type: z.string().max(128).optional(),
});
const text = z.string().max(60_000).optional();

const MessageSchema = z.looseObject({
  message_id: id,
  date: z.number().int().min(0).max(99_999_999_999),
  edit_date: z.number().int().min(0).max(99_999_999_999).optional(),
  message_thread_id: id.optional(),
  is_topic_message: z.boolean().optional(),
  from: UserSchema,
  chat: ChatSchema,
  text,
  caption: text,
  entities,
  caption_entities: entities,
  reply_to_message: z.looseObject({ message_id: id }).optional(),
  photo: z.array(FileSchema).max(20).optional(),
  document: FileSchema.optional(),
  audio: FileSchema.optional(),
  video: FileSchema.optional(),
  voice: FileSchema.optional(),
});
type Message = z.output<typeof MessageSchema>;

const CallbackSchema = z.looseObject({
  id: z.string().min(1).max(128),
  from: UserSchema,
  data: z.string().max(512).optional(),
  message: z.looseObject({ message_id: id, chat: ChatSchema, message_thread_id: id.optional() }).optional(),
});

/** Content that a person sends; the other kinds of message are notices (somebody joined, a title changed). */
const contentKeys = ['text', 'caption', 'photo', 'document', 'audio', 'video', 'voice'];

/**
 * One update of the Bot API.
 * Source: https://core.telegram.org/bots/api#update
 * @param raw the update as text
 * @param receivedAt stands in where Telegram gives no time
 */
export function parseUpdate(update: unknown, raw: string, bot: Bot, receivedAt: Date): Inbound {
  const fields = (typeof update === 'object' && update !== null ? update : {}) as Record<string, unknown>;
  if (!Number.isSafeInteger(fields.update_id)) {
    return unusable({ reason: 'It is no update of Telegram.', field: 'update_id' }, raw);
  }
  for (const kind of ['message', 'edited_message'] as const) {
    if (fields[kind] !== undefined) return message(fields[kind], kind, fields.update_id as number, raw, bot);
  }
  if (fields.callback_query === undefined) return { kind: 'ignored', reason: 'update' };
  const parsed = CallbackSchema.safeParse(fields.callback_query);
  if (!parsed.success) return unusable(flawOf(parsed.error, 'callback_query'), raw, aboutUpdate(update));
  return click(parsed.data, raw, bot, receivedAt);
}

function message(
  source: unknown,
  kind: 'message' | 'edited_message',
  update: number,
  raw: string,
  bot: Bot,
): Inbound {
  const fields = (typeof source === 'object' && source !== null ? source : {}) as Record<string, unknown>;
  const from = fields.from as { id?: unknown; is_bot?: unknown } | undefined;
  if (from?.is_bot === true) return { kind: 'ignored', reason: 'bot' };
  // Anonymous administrators and linked channels write under ids that several people share: nobody's message.
  if (fields.sender_chat !== undefined || (fields.from === undefined && fields.chat !== undefined)) {
    return { kind: 'ignored', reason: 'nobody' };
  }
  const about = {
    nativeId: `update:${update}`,
    ...(Number.isSafeInteger(from?.id) ? { sender: String(from?.id) } : {}),
    route: routeOf(fields),
  };
  const parsed = MessageSchema.safeParse(source);
  if (!parsed.success) return unusable(flawOf(parsed.error, kind), raw, about);
  if (!contentKeys.some((key) => fields[key] !== undefined)) return { kind: 'ignored', reason: 'notice' };
  // What was forwarded or composed by another bot is not what this person typed.
  const foreign = fields.forward_origin !== undefined || fields.via_bot !== undefined;
  const content = contentOf(parsed.data, bot, foreign);
  if (content === null) return { kind: 'ignored', reason: 'another-bot' };
  if (content.mentions.length > 200) {
    return unusable({ reason: 'It mentions more than 200 people.', field: 'content.mentions' }, raw, about);
  }
  if (content.text.length > 20_000) {
    return unusable({ reason: 'It has more than 20,000 characters.', field: 'content.text' }, raw, about);
  }
  const edited = kind === 'edited_message';
  const command = edited || foreign ? null : parseCommand(content.text);
  const { data } = parsed;
  const result: InboundMessage = {
    event: edited ? 'edited' : command ? 'command' : 'created',
    channel: {
      kind: 'telegram',
      account: bot.id,
      conversation: String(data.chat.id),
      thread: data.message_thread_id === undefined ? null : String(data.message_thread_id),
      visibility: visibilityOf(data.chat),
    },
    message: {
      nativeId: String(data.message_id),
      replyTo: data.reply_to_message ? String(data.reply_to_message.message_id) : null,
      // Two edits within one second differ by their update; a repeated delivery keeps it.
      revision: edited ? (data.edit_date ?? data.date) * 1000 + (update % 1000) : 0,
    },
    sender: { nativeId: String(data.from.id), display: nameOf(data.from), isBot: false },
    ingress: 'token',
    content: { ...content, command, action: null, reaction: null },
    attachments: attachmentsOf(data),
    time: new Date(data.date * 1000).toISOString(),
    route: routeOf(fields) ?? {},
    raw,
  };
  return { kind: 'messages', messages: [result] };
}

function click(query: z.output<typeof CallbackSchema>, raw: string, bot: Bot, receivedAt: Date): Inbound {
  if (query.message === undefined || query.data === undefined || query.from.is_bot) {
    return { kind: 'ignored', reason: 'foreign-action' };
  }
  const { chat, message_id: card, message_thread_id: topic } = query.message;
  const result: InboundMessage = {
    event: 'action',
    channel: {
      kind: 'telegram',
      account: bot.id,
      conversation: String(chat.id),
      thread: topic === undefined ? null : String(topic),
      visibility: visibilityOf(chat),
    },
    message: { nativeId: `callback:${query.id}`, replyTo: String(card), revision: 0 },
    sender: { nativeId: String(query.from.id), display: nameOf(query.from), isBot: false },
    ingress: 'token',
    content: {
      text: '',
      mentions: [],
      command: null,
      action: { id: 'button', value: query.data },
      reaction: null,
    },
    attachments: [],
    time: receivedAt.toISOString(),
    route: { chat: String(chat.id), thread: topic === undefined ? null : String(topic), replyTo: null },
    raw,
  };
  // The answer to the webhook may itself be one call of the Bot API: it stops the button's progress ring.
  return {
    kind: 'messages',
    messages: [result],
    ack: { method: 'answerCallbackQuery', callback_query_id: query.id },
  };
}

/**
 * @param foreign whether all of the text is somebody else's
 * @returns null for a command that is addressed to another bot of the group; what is somebody else's has `>` before each line
 */
function contentOf(data: Message, bot: Bot, foreign: boolean): { text: string; mentions: string[] } | null {
  const whole = data.text ?? data.caption ?? '';
  const marks = (data.text === undefined ? data.caption_entities : data.entities) ?? [];
  const mentions: string[] = [];
  const quoted = foreign ? [{ from: 0, to: whole.length }] : [];
  let start = 0;
  for (const mark of marks) {
    // Offsets count UTF-16 units, as JavaScript does.
    const shown = whole.slice(mark.offset, mark.offset + mark.length).toWellFormed();
    if (mark.type === 'bot_command' && mark.offset === 0) {
      const addressee = shown.split('@')[1];
      if (addressee && bot.username && addressee.toLowerCase() !== bot.username.toLowerCase()) return null;
    }
    if (/^(expandable_)?blockquote$/.test(mark.type))
      quoted.push({ from: mark.offset, to: mark.offset + mark.length });
    if (mark.type === 'text_mention' && mark.user) mentions.push(String(mark.user.id));
    if (mark.type !== 'mention') continue;
    const ours = bot.username !== null && shown.toLowerCase() === `@${bot.username.toLowerCase()}`;
    if (ours && mark.offset === 0) start = mark.length;
    else if (!ours) mentions.push(shown.slice(0, 64));
  }
  return { text: withQuotes(whole, quoted).slice(start).trimStart(), mentions: [...new Set(mentions)] };
}

function withQuotes(text: string, quoted: readonly { from: number; to: number }[]): string {
  let at = 0;
  const lines = text.split('\n').map((line) => {
    const [from, to] = [at, at + line.length];
    at = to + 1;
    return quoted.some((part) => part.from <= from && part.to >= to && to > from) ? `> ${line}` : line;
  });
  return lines.join('\n');
}

function attachmentsOf(data: Message): InboundAttachment[] {
  // Telegram lists a photo in several sizes, the largest last, and makes a JPEG of each.
  const photo = data.photo?.at(-1);
  const files = [
    photo && { ...photo, file_name: 'photo.jpg', mime_type: 'image/jpeg' },
    ...[data.document, data.audio, data.video, data.voice],
  ];
  return nameAttachments(
    files
      .filter((file) => file !== undefined)
      .map(
        ({
          file_id: file,
          file_unique_id: nativeId,
          file_name: name,
          mime_type: mime,
          file_size: bytes,
        }) => ({
          ...{
            nativeId: nativeId ?? null,
            name: name ?? null,
            mime: mime ?? null,
            bytes: bytes ?? 0,
            source: { file },
          },
        }),
      ),
  );
}

function visibilityOf(chat: z.output<typeof ChatSchema>): InboundMessage['channel']['visibility'] {
  if (chat.type === 'private') return 'dm';
  // A group with a public name can be read and joined by anybody.
  return chat.username === undefined ? 'private' : 'public';
}

function nameOf(user: z.output<typeof UserSchema>): string {
  return [user.first_name, user.last_name ?? ''].join(' ').trim().slice(0, 256).toWellFormed();
}

/** Where to answer, as far as it can be read even from a message that is not usable. */
function routeOf(fields: Record<string, unknown>): Route | null {
  const chat = (fields.chat as { id?: unknown; type?: unknown } | null | undefined) ?? {};
  if (!Number.isSafeInteger(chat.id)) return null;
  const topic = fields.is_topic_message === true && Number.isSafeInteger(fields.message_thread_id);
  const quotes = chat.type !== 'private' && Number.isSafeInteger(fields.message_id);
  return {
    chat: String(chat.id),
    thread: topic ? String(fields.message_thread_id) : null,
    replyTo: quotes ? String(fields.message_id) : null,
  };
}

/**
 * Best effort on an update that failed its checks: which one it was, and the private chat of its sender. Groups are not
 * told of what nobody can read.
 */
export function aboutUpdate(update: unknown): { nativeId?: string; sender?: string; route?: Route } {
  const fields = (typeof update === 'object' && update !== null ? update : {}) as Record<string, unknown>;
  const said = [fields.message, fields.edited_message, fields.callback_query].find(
    (part) => typeof part === 'object' && part !== null,
  ) as { from?: { id?: unknown; is_bot?: unknown } } | undefined;
  const from = said?.from;
  const person = Number.isSafeInteger(from?.id) && from?.is_bot === false ? String(from.id) : null;
  return {
    ...(Number.isSafeInteger(fields.update_id) ? { nativeId: `update:${String(fields.update_id)}` } : {}),
    ...(person === null ? {} : { sender: person, route: { chat: person, thread: null, replyTo: null } }),
  };
}
