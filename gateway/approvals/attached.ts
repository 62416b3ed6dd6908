import type { ApprovalRow } from './store.ts';

type Named = Pick<ApprovalRow, 'attachments'>;

/**
 * The arguments of a call as people read them: an id of a file that came with a message says which file it is. Its name is the
 * sender's own words, so whoever shows this makes it visible as any other value. What is decided and run are the ids.
 */
export function readable<Value>({ attachments }: Named, value: Value): Value {
  if (Object.keys(attachments).length === 0) return value;
  const read = (part: unknown): unknown => {
    if (typeof part === 'string') return Object.hasOwn(attachments, part) ? fileOf(attachments, part) : part;
    if (Array.isArray(part)) return part.map(read);
    if (part === null || typeof part !== 'object') return part;
    return Object.fromEntries(Object.entries(part).map(([name, held]) => [name, read(held)]));
  };
  return read(value) as Value;
}

/** The id goes last: whatever a name says, what stands behind it is ours. */
function fileOf(attachments: Named['attachments'], id: string): string {
  const { name, mime, bytes } = attachments[id] as Named['attachments'][string];
  const shown = [...name].length > longest ? `${[...name].slice(0, longest).join('')}…` : name;
  return `“${shown}” (${mime}, ${bytes.toLocaleString('en')} bytes, file ${id})`;
}

/** Characters of a name; those that came by the web chat have at most 100 bytes. */
const longest = 100;
