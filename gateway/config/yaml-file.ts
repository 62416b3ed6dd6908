import { readFile } from 'node:fs/promises';
import { LineCounter, isNode, parseDocument } from 'yaml';
import type { z } from 'zod';

/** What a file holds, or every fault of it as `file:line: what`. */
export type YamlFile<T> =
  | { value: T; faults: null; lineOf: (path: readonly PropertyKey[]) => number }
  | { value: null; faults: string[]; cause: unknown };

/**
 * Reads a YAML file against a schema: the one way in which every file of `policies/` but the tools is read.
 * @param options.maxAliasCount how many aliases it may resolve; none when left out
 * @param options.namesKeys whether a key that is too much stands in the path of its fault, rather than in its text alone
 * @returns null where there is no such file
 */
export async function readYamlFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  { maxAliasCount = 0, namesKeys = false }: { maxAliasCount?: number; namesKeys?: boolean } = {},
): Promise<YamlFile<z.output<Schema>> | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return { value: null, faults: [`${file}: cannot be read`], cause: error };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const flaws = document.errors.map(
    ({ pos, message }) => `${file}:${lines.linePos(pos[0]).line}: ${message}`,
  );
  if (flaws.length > 0) return { value: null, faults: flaws, cause: document.errors[0] };
  // The nearest node that exists: a missing key has no line of its own.
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length >= 0; length -= 1) {
      const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const parsed = schema.safeParse(document.toJS({ maxAliasCount }));
  if (parsed.success) return { value: parsed.data, faults: null, lineOf };
  const faults = parsed.error.issues.map((issue) => {
    const path = [...issue.path, ...(namesKeys && 'keys' in issue ? issue.keys.slice(0, 1) : [])];
    return `${file}:${lineOf(path)}: ${path.join('.') || 'the file'}: ${issue.message}`;
  });
  return { value: null, faults, cause: parsed.error };
}
