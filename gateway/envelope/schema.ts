import { z } from 'zod';

const text = (max: number) => z.string().max(max);
const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** Channels that an envelope can come from. `n8n` is another trigger of n8n; `automation` a run without a person. */
export const ChannelKind = z.enum(['web', 'slack', 'telegram', 'n8n', 'automation']);
export type ChannelKind = z.output<typeof ChannelKind>;

export const EventKind = z.enum([
  'created',
  'edited',
  'deleted',
  'reaction',
  'action',
  'command',
  'invite',
  'ping',
]);

/** A command that the sender typed as `/name rest`, already cut into whitespace-separated words. */
export const CommandSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  words: z.array(text(500)).max(64),
});

/** A click on a button that this gateway drew. `value` is ours and opaque to the vendor. */
export const ActionSchema = z.strictObject({ id: text(64), value: text(512) });

/**
 * One message of any channel as a CloudEvents 1.0 event with Gatehouse's `data`.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export const EnvelopeSchema = z.strictObject({
  specversion: z.literal('1.0'),
  id: text(512).min(1).describe('dedupe key: channel, account, conversation, native id, revision'),
  source: text(512).min(1),
  type: z.string().regex(/^dev\.gatehouse\.[a-z.]+\.v1$/),
  time: z.iso.datetime({ offset: true }),
  subject: z.string().regex(/^session\/[A-Za-z0-9_-]{16,64}$/),
  datacontenttype: z.literal('application/json'),
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
  data: z.strictObject({
    event: EventKind,
    channel: z.strictObject({
      kind: ChannelKind,
      account: text(128),
      conversation: text(256),
      thread: text(256).nullable(),
      visibility: z.enum(['dm', 'private', 'public', 'external']),
    }),
    message: z.strictObject({
      nativeId: text(256),
      replyTo: text(256).nullable(),
      revision: z.number().int().min(0),
    }),
    sender: z.strictObject({
      nativeId: text(256),
      principal: text(128).nullable().describe('null when the sender is unknown; never guessed'),
      display: text(256),
      isBot: z.boolean(),
    }),
    trust: z.strictObject({
      ingress: z.enum(['signature', 'token', 'session', 'dkim', 'none']),
      sender: z.enum(['owner', 'member', 'paired', 'guest', 'unknown']),
      evidence: sha256,
    }),
    content: z.strictObject({
      text: text(20_000).describe('as typed; a line that begins with `>` is not the words of the sender'),
      mentions: z.array(text(256)).max(200),
      command: CommandSchema.nullable(),
      action: ActionSchema.nullable(),
      reaction: text(64).nullable(),
    }),
    attachments: z
      .array(
        z.strictObject({
          id: text(256),
          name: text(256)
            .optional()
            .describe('as its sender called it, where the channel vouches for a plain name'),
          mime: text(128),
          bytes: z.number().int().min(0),
          sha256: sha256.nullable(),
          ref: text(512).nullable(),
        }),
      )
      .max(50),
    email: z.null(),
    calendar: z.null(),
    session: z.strictObject({
      key: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
      scope: z.literal('per-sender'),
    }),
    delivery: z.strictObject({ receivedAt: z.iso.datetime({ offset: true }), replyRoute: text(256) }),
    raw: z.strictObject({ ref: text(256), sha256 }),
  }),
});

/** One message of any channel, verified, normalised and attributed. */
export type Envelope = z.output<typeof EnvelopeSchema>;
export type Command = z.output<typeof CommandSchema>;

/** The published JSON Schema (draft 2020-12) of an envelope; nodes validate with a validator generated from it. */
export function envelopeJsonSchema(): Record<string, unknown> {
  return { $id: 'https://gatehouse.dev/schema/envelope.v1.json', ...z.toJSONSchema(EnvelopeSchema) };
}
