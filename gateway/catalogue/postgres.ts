import { z } from 'zod';
import type { FoundFault } from './faults.ts';
import { argument } from './names.ts';
import type { ToolFile } from './schema.ts';

/** One declared statement, which may write. */
export const PostgresConnector = z.strictObject({
  kind: z.literal('postgres'),
  statement: z.string().min(1).describe('one parameterised statement; arguments reach it only as $1, $2, …'),
  parameters: z.array(z.string().regex(/^(args\.[a-z][A-Za-z0-9]*|attempt|principal)$/)),
  returns: z.enum(['row', 'rows']).describe('`row` fails with `missing` when there is none'),
  missing: z.string().max(200).optional(),
  maxChangedRows: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe(
      'a call that inserts, updates and deletes more rows than this, triggers and cascades included, is undone',
    ),
});

/** A query that the caller writes, which only reads. */
export const QueryConnector = z.strictObject({
  kind: z.literal('postgres-query'),
  sql: argument.default('sql').describe('the argument that holds the query'),
  maxRows: z.number().int().min(1).max(1000).default(100),
  maxBytes: z.number().int().min(1000).max(1_000_000).default(100_000).describe('of the answer as text'),
  functions: z
    .array(z.string().regex(/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/))
    .default([])
    .describe('functions of your own that only read; those of Postgres that only compute are allowed anyway'),
});

const truncates = /\btruncate\b/i;

/** What is wrong with a Postgres tool between its fields. */
export function postgresFaults({ connector, secret, args, risk, preview }: ToolFile): FoundFault[] {
  if (connector.kind !== 'postgres' && connector.kind !== 'postgres-query') return [];
  const faults: FoundFault[] = [];
  if (!secret) {
    faults.push({
      where: ['connector'],
      field: 'secret',
      fault: 'name the secret that holds the connection URL',
      remedy: 'Write secret: tickets/postgres, and set it with gatehouse secret set.',
    });
  }
  if (connector.kind === 'postgres') {
    const counts = connector.maxChangedRows !== undefined || (preview && 'dryRun' in preview);
    if (counts && truncates.test(connector.statement)) {
      faults.push({
        where: ['connector', 'statement'],
        fault: 'rows that truncate removes are not counted',
        remedy: 'Write delete from, whose rows are.',
      });
    }
    return faults;
  }
  if (args.properties[connector.sql]?.type !== 'string' || !args.required.includes(connector.sql)) {
    faults.push({
      where: ['connector'],
      field: 'connector.sql',
      fault: `\`${connector.sql}\` is no required text among the arguments`,
      remedy: `Declare ${connector.sql}: { type: string, maxLength: 4000 } and require it, or name the argument.`,
    });
  }
  if (risk !== 'read') {
    faults.push({ where: ['risk'], fault: 'a free query only reads', remedy: 'Write risk: read.' });
  }
  return faults;
}
