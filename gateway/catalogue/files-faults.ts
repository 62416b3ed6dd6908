import { sharedWith } from '../config/index.ts';
import type { FoundFault } from './faults.ts';
import { filesActions } from './files.ts';
import type { ToolFile } from './schema.ts';

/**
 * What is wrong with a tool of files, or one that attaches them.
 * @param reserved folders that no tool may reach, with the policies and the keys among them
 */
export function filesFaults(tool: ToolFile, reserved: readonly string[]): FoundFault[] {
  const { connector, args } = tool;
  if (connector.kind !== 'files' && connector.kind !== 'smtp') return [];
  const shared = connector.root === undefined ? null : sharedWith(connector.root, reserved);
  const faults: FoundFault[] =
    shared === null
      ? []
      : [
          {
            where: ['connector', 'root'],
            fault: `shares files with ${shared}, which no tool may reach`,
            remedy: 'Name a folder apart from it.',
          },
        ];
  if (connector.kind !== 'files') return faults;
  const { needs, takes } = filesActions[connector.action];
  const names = Object.keys(args.properties);
  const missing = needs.filter((name) => !args.required.includes(name));
  const strange = names.filter((name) => ![...needs, ...takes].some((known) => known === name));
  return [
    ...faults,
    ...missing.map((name) => ({
      where: ['args', 'required'],
      fault: `${connector.action} needs the argument \`${name}\``,
      remedy: `Declare ${name} and require it.`,
    })),
    ...strange.map((name) => ({
      where: ['args', 'properties', name],
      fault: `${connector.action} makes nothing of it`,
      remedy: `Its arguments are ${[...needs, ...takes].join(', ')}.`,
    })),
  ];
}
