import { GatehouseError } from '../../../config/index.ts';

const codes = {
  unset: 'GH-TOOLS-060',
  reserved: 'GH-TOOLS-061',
  name: 'GH-TOOLS-062',
  kind: 'GH-TOOLS-063',
  size: 'GH-TOOLS-064',
  changed: 'GH-TOOLS-065',
  missing: 'GH-TOOLS-066',
  busy: 'GH-TOOLS-067',
  system: 'GH-TOOLS-068',
} as const;

/** A call on files that did nothing. @param rule what stopped it */
export const refused = (rule: keyof typeof codes, message: string, next?: string): GatehouseError =>
  new GatehouseError(codes[rule], message, { status: 422, ...(next === undefined ? {} : { next }) });

/** What the system says of a file, as a refusal; null for an error that says nothing of what happened. */
export function ofSystem(error: unknown, path: string): GatehouseError | null {
  if (error instanceof GatehouseError) return error;
  const { code } = (error ?? {}) as { code?: unknown };
  switch (code) {
    case 'ENOENT':
      return refused('missing', `There is no ${path}.`);
    case 'ELOOP':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ENXIO':
      return refused('kind', `${path} leads over a link, or is another kind of thing than was asked for.`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EMFILE':
    case 'ENAMETOOLONG':
      return refused(
        'system',
        `The system refuses ${path} (${code}).`,
        'Ask an operator to look at the folder.',
      );
    default:
      return null;
  }
}
