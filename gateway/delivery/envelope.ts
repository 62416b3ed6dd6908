import type { InboundMessage } from '../channels/index.ts';
import { digestOfText, envelopeFlaw, EnvelopeSchema, messageId, type Envelope } from '../envelope/index.ts';
import type { Automation, Person } from '../sessions/index.ts';
import type { OtherTrigger } from './types.ts';

type Standing = Envelope['data']['trust']['sender'];

/** The envelope id of a message; also its dedupe key. */
export function idOf(message: InboundMessage): string {
  const { kind, account, conversation } = message.channel;
  const { nativeId, revision } = message.message;
  return messageId({ channel: kind, account, conversation, nativeId, revision });
}

/**
 * Builds and validates the envelope of a message.
 * @param sender as the people directory resolved them; a null person stays a null principal
 * @returns the envelope, or the JSON path of the first field that it cannot hold
 */
export function toEnvelope(
  message: InboundMessage,
  id: string,
  session: string,
  sender: { person: Person | null; standing: Standing },
  receivedAt: Date,
): { envelope: Envelope; json: string } | { field: string } {
  const { kind, account, conversation } = message.channel;
  const evidence = digestOfText(message.raw);
  return check({
    specversion: '1.0',
    id,
    source: `/channels/${[kind, account, conversation].map((part) => encodeURIComponent(part.toWellFormed())).join('/')}`,
    type: `dev.gatehouse.message.${message.event}.v1`,
    time: message.time,
    subject: `session/${session}`,
    datacontenttype: 'application/json',
    data: {
      event: message.event,
      channel: message.channel,
      message: message.message,
      sender: { ...message.sender, principal: sender.person?.principal ?? null },
      trust: { ingress: message.ingress, sender: sender.standing, evidence },
      content: message.content,
      attachments: message.attachments.map(
        ({ content: _bytes, nativeId: _theirs, source: _where, flaw: _why, ...named }) => named,
      ),
      email: null,
      calendar: null,
      session: { key: session, scope: 'per-sender' },
      delivery: { receivedAt: receivedAt.toISOString(), replyRoute: `session/${session}` },
      raw: { ref: `blob:${evidence}`, sha256: evidence },
    },
  });
}

/** The envelope of an item that another n8n trigger made: nobody verified it, so nobody is its principal. */
export function triggerEnvelope(
  from: OtherTrigger,
  automation: Automation | null,
  id: string,
  session: string,
  now: Date,
): Envelope {
  const kind = from.trigger.automation === undefined ? 'n8n' : 'automation';
  const evidence = digestOfText(JSON.stringify(from.trigger));
  return EnvelopeSchema.parse({
    specversion: '1.0',
    id,
    source: `/channels/${kind}/${encodeURIComponent(from.workflowId)}`,
    type: 'dev.gatehouse.message.created.v1',
    time: now.toISOString(),
    subject: `session/${session}`,
    datacontenttype: 'application/json',
    data: {
      event: 'created',
      channel: {
        kind,
        account: from.workflowId,
        conversation: from.executionId,
        thread: null,
        visibility: 'private',
      },
      message: { nativeId: `${from.nodeId}.${from.itemIndex}`, replyTo: null, revision: 0 },
      sender: {
        nativeId: from.trigger.automation ?? from.workflowId,
        principal: automation?.principal ?? null,
        display: automation?.display ?? from.trigger.kind,
        isBot: true,
      },
      trust: { ingress: 'none', sender: automation ? 'member' : 'unknown', evidence },
      content: { text: from.trigger.text ?? '', mentions: [], command: null, action: null, reaction: null },
      attachments: [],
      email: null,
      calendar: null,
      session: { key: session, scope: 'per-sender' },
      delivery: { receivedAt: now.toISOString(), replyRoute: `session/${session}` },
      raw: { ref: `blob:${evidence}`, sha256: evidence },
    },
  });
}

// JSON.stringify escapes exactly the control characters and the lone surrogates; Postgres's jsonb can hold neither
// U+0000 nor the latter. The look-behind skips a backslash that the sender typed.
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

function check(envelope: Envelope): { envelope: Envelope; json: string } | { field: string } {
  const field = envelopeFlaw(envelope);
  if (field !== null) return { field };
  const json = JSON.stringify(envelope);
  if (json.includes('\\u') && unstorable.test(json)) return { field: fieldOf(envelope, '') ?? 'envelope' };
  return { envelope, json };
}

function fieldOf(value: unknown, path: string): string | undefined {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const found = fieldOf(part, path === '' ? key : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
