import pg from 'pg';
import { GatehouseError } from '../../../config/index.ts';
import { sqlState } from '../../../db/index.ts';

const connectMs = 5000;
const idleMs = 10_000;

/** A small pool for each URL and time limit. One that is not used any more closes its connections and is forgotten. */
export class Connections {
  readonly #pools = new Map<string, pg.Pool>();

  to(url: string, seconds: number): pg.Pool {
    const key = `${seconds} ${url}`;
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = new pg.Pool({
        connectionString: url,
        max: 8,
        idleTimeoutMillis: idleMs,
        allowExitOnIdle: true,
        connectionTimeoutMillis: connectMs,
        statement_timeout: seconds * 1000,
        query_timeout: seconds * 1000 + 1000,
        application_name: 'gatehouse',
      });
      const made = pool;
      // An idle connection whose server goes away emits here; the pool drops it by itself.
      made.on('error', () => undefined);
      // One that is lent out emits where the pool does not listen.
      made.on('connect', (client) => client.on('error', () => undefined));
      made.on('remove', () => {
        if (made.totalCount === 0) this.#pools.delete(key);
      });
      this.#pools.set(key, made);
    }
    return pool;
  }
}

/**
 * Lends a connection for some work. After an error nobody knows in what state it is; a new one costs little then.
 * @throws GatehouseError `GH-TOOLS-002` where there is none to be had, `GH-TOOLS-003` where the server refused the work and
 *   undid it; any other error where it went away
 */
export async function lend<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw new GatehouseError('GH-TOOLS-002', 'The system of record cannot be reached.', {
      next: 'Try again later, or ask an operator to look at it.',
      cause,
    });
  });
  let broken = true;
  try {
    const done = await work(client);
    broken = false;
    return done;
  } catch (error) {
    const state = sqlState(error);
    if (state === null) throw error;
    throw new GatehouseError('GH-TOOLS-003', `The system of record refused the call (SQLSTATE ${state}).`, {
      cause: error,
    });
  } finally {
    client.release(broken);
  }
}
