import { z } from 'zod';
import { argument } from './names.ts';

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
