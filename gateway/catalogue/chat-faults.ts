import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

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
