import { readFile } from 'node:fs/promises';
import { LineCounter, isNode, parseDocument } from 'yaml';
import type { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';

/** What a file says, and the digest of it: a comment changes neither. */
export interface Versioned<Data> {
  data: Data;
  version: string;
}

/**
 * Reads one YAML file, and asks before it is used whether it may be.
 * @param admit hears the digest; what it throws refuses the file
 * @throws GatehouseError `GH-SESSIONS-001`
 */
export async function readVersioned<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  admit: (digest: string) => Promise<void> = () => Promise.resolve(),
): Promise<Versioned<z.output<Schema>>> {
  const data = await readYamlFile(file, schema);
  const version = digestOfText(JSON.stringify(data));
  await admit(version);
  return { data, version };
}

/**
 * Reads one YAML file against a schema.
 * @throws GatehouseError `GH-SESSIONS-001` that names file, line and reason
 */
export async function readYamlFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  let source: string;
  try {
    source = await readFile(file, 'utf8');
  } catch (error) {
    throw broken(file, undefined, 'the file cannot be read', error);
  }
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const flaw = document.errors[0];
  if (flaw) throw broken(file, lines.linePos(flaw.pos[0]).line, flaw.message, flaw);
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = (issue?.path ?? []).filter((part) => typeof part !== 'symbol');
  // The nearest node that exists: a missing key has no line of its own.
  let line = 1;
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) {
      line = lines.linePos(node.range[0]).line;
      break;
    }
  }
  throw broken(
    file,
    line,
    `${path.join('.') || 'the file'}: ${issue?.message ?? 'wrong shape'}`,
    parsed.error,
  );
}

function broken(file: string, line: number | undefined, reason: string, cause: unknown): GatehouseError {
  const where = line === undefined ? file : `${file}:${line}`;
  return new GatehouseError('GH-SESSIONS-001', `${where}: ${reason}`, {
    status: 500,
    next: 'Correct the file; the last good one stays in use while the gateway runs.',
    cause,
  });
}
