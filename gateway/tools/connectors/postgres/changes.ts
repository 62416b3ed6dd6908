import type pg from 'pg';

/** Rows of one table that a transaction changed so far. */
export interface Change {
  /** With its schema, where that is not `public`. */
  table: string;
  inserted: number;
  updated: number;
  deleted: number;
}

/**
 * Runs some work and says which rows it changed, those of triggers and cascades included.
 * Source: pg_stat_xact_user_tables, which also holds what this connection did shortly before, so that it is read twice.
 */
export async function counting<T>(
  client: pg.ClientBase,
  work: () => Promise<T>,
): Promise<{ done: T; changes: Change[] }> {
  const before = new Map((await counts(client)).map((change) => [change.table, change]));
  const done = await work();
  const after = await counts(client);
  const changes = after.map((now): Change => {
    const then = before.get(now.table);
    return {
      table: now.table,
      inserted: now.inserted - (then?.inserted ?? 0),
      updated: now.updated - (then?.updated ?? 0),
      deleted: now.deleted - (then?.deleted ?? 0),
    };
  });
  return { done, changes: changes.filter((change) => rowsOf([change]) > 0) };
}

/** How many rows that is together. */
export const rowsOf = (changes: readonly Change[]): number =>
  changes.reduce((sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted, 0);

async function counts(client: pg.ClientBase): Promise<Change[]> {
  const { rows } = await client.query<Change>(
    `select case schemaname when 'public' then relname else schemaname || '.' || relname end as table,
       n_tup_ins::float8 as inserted, n_tup_upd::float8 as updated, n_tup_del::float8 as deleted
     from pg_stat_xact_user_tables where n_tup_ins + n_tup_upd + n_tup_del > 0 order by schemaname, relname`,
  );
  return rows;
}
