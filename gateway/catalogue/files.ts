import { z } from 'zod';

/** What can be done in a folder, and the arguments that it takes: those that it needs, and those that may be left out. */
export const filesActions = {
  list: { needs: [], takes: ['folder'] },
  read: { needs: ['path'], takes: [] },
  write: { needs: ['path', 'content'], takes: ['encoding', 'replaces'] },
  delete: { needs: ['path', 'sha256'], takes: [] },
  history: { needs: ['path'], takes: [] },
  restore: { needs: ['path', 'version'], takes: [] },
} as const;
type FilesAction = keyof typeof filesActions;

/** An absolute path on the gateway's machine. */
export const filesRoot = z
  .string()
  .regex(/^\/[^\0]+$/)
  .describe('a folder of the gateway’s machine; GATEHOUSE_FILES_DIR when left out');

/** Files below one folder. */
export const FilesConnector = z.strictObject({
  kind: z.literal('files'),
  action: z.enum(Object.keys(filesActions) as [FilesAction, ...FilesAction[]]),
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
