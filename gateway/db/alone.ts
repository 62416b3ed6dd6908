import type { Pool, PoolClient } from 'pg';

/**
 * Runs `work` while no other process of the installation does the same. The lock ends with the connection, however the
 * process ends.
 * @param what names the work
 * @returns undefined where another one does it
 */
export async function whileAlone<T>(
  pool: Pool,
  what: string,
  work: () => Promise<T>,
): Promise<{ done: T } | undefined> {
  const client: PoolClient = await pool.connect();
  let broken = true;
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as mine',
      [what],
    );
    if (!rows[0]?.mine) {
      broken = false;
      return undefined;
    }
    const done = await work();
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [what]);
    broken = false;
    return { done };
  } finally {
    // Closing the connection gives the lock back.
    client.release(broken);
  }
}
