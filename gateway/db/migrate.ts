import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { transaction, type Pool, type Queryable } from './pool.ts';

const folder = join(import.meta.dirname, 'migrations');

const schemaMigrations = `create table if not exists schema_migrations
  (name text primary key, applied_at timestamptz not null default now())`;

/**
 * Brings the schema up to date: runs each `migrations/*.sql` not yet recorded, in name order, in one transaction.
 * Several gateways may start at once; an advisory lock lets one of them do it.
 * @returns the names that ran now
 */
export async function migrate(pool: Pool): Promise<string[]> {
  const names = await migrations();
  return transaction(pool, async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('gatehouse.migrate'))`);
    await tx.query(schemaMigrations);
    const { rows } = await tx.query<{ name: string }>('select name from schema_migrations');
    const done = new Set(rows.map((row) => row.name));
    const pending = names.filter((name) => !done.has(name));
    await apply(tx, pending);
    return pending;
  });
}

async function apply(tx: Queryable, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await tx.query(await readFile(join(folder, name), 'utf8'));
    await tx.query('insert into schema_migrations (name) values ($1)', [name]);
  }
}

/**
 * Makes the schema anew, empty, as it was after these migrations. All that was in it is gone with the transaction's commit,
 * and so are the jobs of the queue, whose schema is made by the next start.
 * @returns the names that are not known here; nothing is done then
 */
export async function remakeSchema(tx: Queryable, names: readonly string[]): Promise<string[]> {
  const known = await migrations();
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) return unknown;
  await tx.query(`select pg_advisory_xact_lock(hashtext('gatehouse.migrate'))`);
  await tx.query('drop schema if exists pgboss cascade');
  for (const table of await tableNames(tx)) await tx.query(`drop table "${table}" cascade`);
  for (const counter of await namesOf(tx, 'S')) await tx.query(`drop sequence "${counter}"`);
  await tx.query(schemaMigrations);
  await apply(tx, names);
  return [];
}

/** Every table of ours. */
export const tableNames = (db: Queryable): Promise<string[]> => namesOf(db, 'r');

/** @param kind `relkind` of pg_class */
async function namesOf(db: Queryable, kind: 'r' | 'S'): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select c.relname as name from pg_class c
     where c.relnamespace = current_schema()::regnamespace and c.relkind = $1 order by 1`,
    [kind],
  );
  return rows.map(({ name }) => name);
}

/** @returns the names of migrations that `migrate` has yet to run */
export async function pendingMigrations(db: Queryable): Promise<string[]> {
  const names = await migrations();
  const { rows: tables } = await db.query<{ known: boolean }>(
    `select to_regclass('schema_migrations') is not null as known`,
  );
  if (!tables[0]?.known) return names;
  const { rows } = await db.query<{ name: string }>('select name from schema_migrations');
  return names.filter((name) => !rows.some((row) => row.name === name));
}

async function migrations(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
}
