import { z } from 'zod';
import { sharedWith } from '../config/index.ts';
import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

/** What can be done in a folder, and the arguments that it takes: those that it needs, and those that may be left out. */
const actions = {
  list: { needs: [], takes: ['folder'] },
  read: { needs: ['path'], takes: [] },
  write: { needs: ['path', 'content'], takes: ['encoding', 'replaces'] },
  delete: { needs: ['path', 'sha256'], takes: [] },
  history: { needs: ['path'], takes: [] },
  restore: { needs: ['path', 'version'], takes: [] },
} as const;
export type FilesAction = keyof typeof actions;

/** An absolute path on the gateway's machine. */
export const filesRoot = z
  .string()
  .regex(/^\/[^\0]+$/)
  .describe('a folder of the gateway’s machine; GATEHOUSE_FILES_DIR when left out');

/** Files below one folder. */
export const FilesConnector = z.strictObject({
  kind: z.literal('files'),
  action: z.enum(Object.keys(actions) as [FilesAction, ...FilesAction[]]),
  root: filesRoot.optional(),
  maxBytes: z.number().int().min(1).max(10_000_000).default(1_000_000).describe('of one file'),
  versions: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe('how many earlier contents of a file are kept'),
});

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
  const { needs, takes } = actions[connector.action];
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
