import { z } from 'zod';
import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

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

/** What is wrong with a chat tool between its fields. */
export function chatFaults({ connector, args, kinds, risk }: ToolFile): FoundFault[] {
  if (connector.kind !== 'chat') return [];
  const faults: FoundFault[] = [];
  for (const name of ['conversation', 'text'])
    if (!args.required.includes(name) || args.properties[name]?.type !== 'string')
      faults.push({
        where: ['args', 'required'],
        fault: `chat needs the text \`${name}\``,
        remedy: `Declare ${name} as a string and require it.`,
      });
  for (const name of Object.keys(args.properties))
    if (name !== 'conversation' && name !== 'text')
      faults.push({
        where: ['args', 'properties', name],
        fault: 'chat makes nothing of it',
        remedy: 'Its arguments are conversation and text.',
      });
  if (kinds.conversation !== undefined && kinds.conversation !== 'redirects')
    faults.push({
      where: ['kinds', 'conversation'],
      fault: 'says where it goes',
      remedy: 'Write conversation: redirects.',
    });
  if (risk !== 'outbound')
    faults.push({
      where: ['risk'],
      fault: 'a message leaves the conversation',
      remedy: 'Write risk: outbound.',
    });
  return faults;
}
