import { LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { faultOfIssue, type Fault, type FoundFault } from './faults.ts';

/** A file that keeps its schema, or all that is wrong with it. */
export type ReadDocument<T> =
  { value: T; /** Gives a fault its line. */ placed: (found: FoundFault) => Fault } | { faults: Fault[] };

/**
 * Reads one YAML file of the catalogue.
 * @param path named in faults
 * @param of what the file describes, in the words of a fault: `a tool`
 */
export function readDocument<Schema extends z.ZodObject>(
  path: string,
  text: string,
  schema: Schema,
  of: string,
): ReadDocument<z.output<Schema>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    return {
      faults: document.errors.map((error) => ({
        file: path,
        line: lines.linePos(error.pos[0]).line,
        field: 'the file',
        fault: (error.message.split('\n')[0] ?? error.message).replace(
          /( at line \d+, column \d+)?[.:]?$/,
          '',
        ),
        remedy: 'Correct the YAML.',
      })),
    };
  }
  const placed = ({ where, field, fault, remedy }: FoundFault): Fault => ({
    file: path,
    line: lineOf(document, lines, where),
    field: field ?? (where.join('.') || 'the file'),
    fault,
    remedy,
  });
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch {
    const remedy = 'Write each value out in its place.';
    return { faults: [placed({ where: [], fault: 'uses YAML aliases', remedy })] };
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return { value: parsed.data, placed };
  const found = parsed.error.issues.map((issue) =>
    faultOfIssue(issue, { fields: Object.keys(schema.shape), of }, (where) => document.hasIn(where)),
  );
  return { faults: inOrder(found.map(placed)) };
}

/** Faults as they stand in their file. */
export const inOrder = (faults: Fault[]): Fault[] => faults.sort((one, other) => one.line - other.line);

/** The line of the deepest part of `where` that the file has; the first line when it has none of it. */
function lineOf(document: Document, lines: LineCounter, where: readonly string[]): number {
  for (let depth = where.length; depth > 0; depth -= 1) {
    const node = document.getIn(where.slice(0, depth), true) as
      { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
