import type { Pool } from 'pg';
import type { Queryable } from '../../db/index.ts';

/** A copy of a secret in an n8n, as Postgres has it. */
export interface CopyRow {
  /** Base address of that n8n. */
  n8n: string;
  /** Name of the credential. */
  name: string;
  /** Its id there, which is ours: whatever has another one is not touched. */
  credential_id: string;
  secret: string;
  /** Digest of what was declared and of the secret's version; null where it is not known whether n8n has it. */
  mark: string | null;
  /** When it is to be replaced. */
  due_at: Date;
  /** When what is written is good no more. */
  good_until: Date;
}

/** @param n8n only those in this one; all when left out */
export async function copyRows(db: Queryable, n8n?: string): Promise<CopyRow[]> {
  const { rows } = await db.query<CopyRow>(
    'select * from n8n_credentials where n8n = $1 or $1 is null order by n8n, name',
    [n8n ?? null],
  );
  return rows;
}

/** Notes that a credential is about to be written; until that is done its state in n8n is not known. */
export async function noteWriting(
  db: Queryable,
  { n8n, name, id, secret }: { n8n: string; name: string; id: string; secret: string },
): Promise<void> {
  await db.query(
    `insert into n8n_credentials (n8n, name, credential_id, secret, due_at, good_until) values ($1, $2, $3, $4, now(), now())
     on conflict (n8n, name) do update set mark = null, credential_id = excluded.credential_id, due_at = now()`,
    [n8n, name, id, secret],
  );
}

/** Notes what n8n has now, and that it lives by the session that was opened for it; each other one is to be ended. */
export async function noteWritten(
  db: Queryable,
  { n8n, name, secret, mark, due, until, accessor }: Written,
): Promise<void> {
  await db.query(
    `update n8n_credentials set secret = $3, mark = $4, due_at = $5, good_until = $6 where n8n = $1 and name = $2`,
    [n8n, name, secret, mark, due, until],
  );
  await db.query(
    `update n8n_credential_sessions set current = (accessor = $3) where n8n = $1 and name = $2`,
    [n8n, name, accessor ?? ''],
  );
}

export interface Written {
  n8n: string;
  name: string;
  secret: string;
  mark: string;
  due: Date;
  until: Date;
  accessor: string | undefined;
}

export async function forget(db: Queryable, n8n: string, name: string): Promise<void> {
  await db.query('delete from n8n_credentials where n8n = $1 and name = $2', [n8n, name]);
  await db.query('update n8n_credential_sessions set current = false where n8n = $1 and name = $2', [
    n8n,
    name,
  ]);
}

export async function rememberSession(
  db: Queryable,
  session: { store: string; accessor: string },
  { n8n, name }: { n8n: string; name: string },
): Promise<void> {
  await db.query('insert into n8n_credential_sessions (accessor, store, n8n, name) values ($1, $2, $3, $4)', [
    session.accessor,
    session.store,
    n8n,
    name,
  ]);
}

/**
 * Ends every session that no copy lives by any more.
 * @param end false where it cannot be ended now; it is tried again the next time
 * @returns how many are left
 */
export async function endFormer(
  pool: Pool,
  n8n: string,
  end: (session: { store: string; accessor: string }) => Promise<boolean>,
): Promise<number> {
  const { rows } = await pool.query<{ store: string; accessor: string }>(
    'select store, accessor from n8n_credential_sessions where n8n = $1 and not current',
    [n8n],
  );
  let left = 0;
  for (const session of rows) {
    if (await end(session))
      await pool.query('delete from n8n_credential_sessions where accessor = $1', [session.accessor]);
    else left += 1;
  }
  return left;
}
