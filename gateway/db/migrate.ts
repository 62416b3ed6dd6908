import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { transaction, type Pool, type Queryable } from './pool.ts';

const folder = join(import.meta.dirname, 'migrations');

/**
 * Brings the schema up to date: runs each `migrations/*.sql` not yet recorded, in name order, in one transaction.
 * Several gateways may start at once; an advisory lock lets one of them do it.
 * @returns the names that ran now
 */
export async function migrate(pool: Pool): Promise<string[]> {
  const names = await migrations();
  return transaction(pool, async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('gatehouse.migrate'))`);
    await tx.query(
      `create table if not exists schema_migrations (name text primary key, applied_at timestamptz not null default now())`,
    );
    const { rows } = await tx.query<{ name: string }>('select name from schema_migrations');
    const done = new Set(rows.map((row) => row.name));
    const pending = names.filter((name) => !done.has(name));
    for (const name of pending) {
      await tx.query(await readFile(join(folder, name), 'utf8'));
      await tx.query('insert into schema_migrations (name) values ($1)', [name]);
    }
    return pending;
  });
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
