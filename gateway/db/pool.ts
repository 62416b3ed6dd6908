import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** Anything that runs a statement: the pool, or the client of an open transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;
export type Pool = pg.Pool;
export type Transaction = pg.PoolClient;

// bigint counters stay below 2^53 here; a string would only invite bugs.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * What the connections of this process are called. Whether a process still lives can be seen in Postgres by it: its
 * connections end with it, however it ended.
 */
export const processName = `gatehouse ${randomUUID()}`;

/**
 * Opens the connection pool. Connections are made lazily, and a lost one is replaced at the next use.
 * @param url `postgres://user:password@host:port/database`
 * @param size most connections at once
 */
export function openPool(url: string, size = 16): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    connectionTimeoutMillis: 5000,
    application_name: processName,
  });
  // An idle client that loses its server emits here; the next query reports the outage to its caller.
  pool.on('error', () => undefined);
  // So does a client that is held between two statements, and there the pool does not listen: unheard, it would end
  // the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws.
 * @throws what `work` throws, or the error of the commit
 */
export async function transaction<T>(pool: Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
