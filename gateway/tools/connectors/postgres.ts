import pg from 'pg';
import { GatehouseError } from '../../config/index.ts';
import type { PreviewStatement } from '../../catalogue/index.ts';
import type { Caller, Connector, ConnectorCall, Outcome } from '../types.ts';

const connectMs = 5000;
const idleMs = 10_000;

/**
 * Runs the one statement that the tool's file declares. Arguments travel as parameters only. Connections are kept for
 * seconds, because signing in to Postgres costs more than most statements: a call still leases the URL, and only a call
 * that leased the very same one is served by such a connection, so that a new password takes effect at once.
 */
export function createPostgresConnector(): Connector {
  const connections = new Connections();
  return {
    secretFor: (tool) => tool.secret,
    async run(call) {
      if (call.secret === undefined)
        throw new GatehouseError('GH-TOOLS-001', 'The tool names no connection secret.');
      return query(connections.to(call.secret, call.tool.timeoutSeconds), call);
    },
  };
}

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

async function query(pool: pg.Pool, call: ConnectorCall): Promise<Outcome> {
  const { connector } = call.tool;
  if (connector.kind !== 'postgres')
    throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
  const client = await lend(pool);
  let broken = true;
  try {
    const { rows } = await client.query<Record<string, unknown>>(
      connector.statement,
      connector.parameters.map((name) => (name === 'attempt' ? call.attempt : parameter(name, call))),
    );
    broken = false;
    if (connector.returns === 'rows') return { status: 'succeeded', result: { rows } };
    if (rows[0]) return { status: 'succeeded', result: rows[0] };
    const text = connector.missing ?? 'There is no such record.';
    return { status: 'failed', reasons: [{ code: 'record_missing', text }] };
  } catch (error) {
    throw understood(error);
  } finally {
    // After an error nobody knows in what state the connection is; a new one costs little then.
    client.release(broken);
  }
}

/** An SQLSTATE of the statement says that it was rolled back; class 08 and 57P0x say that the server went away. */
function understood(error: unknown): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P0)/.test(code)) return error;
  return new GatehouseError('GH-TOOLS-003', `The system of record refused the call (SQLSTATE ${code}).`, {
    cause: error,
  });
}

function parameter(
  name: string,
  { args, caller }: { args: Record<string, unknown>; caller: Pick<Caller, 'principal'> },
): unknown {
  if (name === 'principal') return caller.principal;
  const key = name.slice('args.'.length);
  return Object.hasOwn(args, key) ? args[key] : null;
}

/**
 * Runs a tool's dry run in a transaction that can write nothing and is rolled back.
 * @returns its rows, at most two
 * @throws GatehouseError `GH-TOOLS-002`, `-003`; any other error where the server went away
 */
export async function lookUp(
  pool: pg.Pool,
  preview: PreviewStatement,
  call: Parameters<typeof parameter>[1],
): Promise<Record<string, unknown>[]> {
  const statement: pg.QueryConfig & { queryMode: 'extended' } = {
    text: `select * from (${preview.statement}\n) as preview limit 2`,
    values: preview.parameters.map((name) => parameter(name, call)),
    // Also without parameters: the simple protocol would take a second statement, which could end the transaction.
    queryMode: 'extended',
  };
  const client = await lend(pool);
  let broken = true;
  try {
    await client.query('begin read only');
    const { rows } = await client.query<Record<string, unknown>>(statement);
    await client.query('rollback');
    broken = false;
    return rows;
  } catch (error) {
    throw understood(error);
  } finally {
    client.release(broken);
  }
}

async function lend(pool: pg.Pool): Promise<pg.PoolClient> {
  return pool.connect().catch((cause: unknown) => {
    throw new GatehouseError('GH-TOOLS-002', 'The system of record cannot be reached.', {
      next: 'Try again later, or ask an operator to look at it.',
      cause,
    });
  });
}
