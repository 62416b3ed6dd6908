import { z } from 'zod';

/** The channels that the gateway can write into by itself, and what a conversation is called there. */
const conversation = z.discriminatedUnion('channel', [
  z.strictObject({
    channel: z.literal('slack'),
    id: z
      .string()
      .regex(/^[CG][A-Z0-9]{2,40}$/)
      .describe('of a Slack channel'),
  }),
  z.strictObject({
    channel: z.literal('telegram'),
    id: z
      .string()
      .regex(/^-[1-9]\d{0,15}$/)
      .describe('of a Telegram group or channel'),
  }),
]);

/** A message into one of the conversations that the file lists, by the names that it gives them. */
export const ChatConnector = z.strictObject({
  kind: z.literal('chat'),
  conversations: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,59}$/), conversation),
});
