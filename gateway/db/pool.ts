import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** Anything that runs a statement: the pool, or the client of an open transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;
export type Pool = pg.Pool;

/** An open transaction. */
export interface Transaction extends Queryable {
  /**
   * Sends a statement whose result nobody waits for. Where it fails, the transaction fails, at its commit at the latest.
   * @param answered gets its rows before the commit is answered
   */
  send<Row extends pg.QueryResultRow = never>(
    statement: pg.QueryConfig,
    answered?: (rows: Row[]) => void,
  ): void;
  /**
   * Adds a row to a statement that is sent once for all its rows: before the next statement that is sent by itself, and
   * before the commit at the latest. It gets them as a JSON array in `$1`, before the values that it comes with.
   * @param answered gets what the statement returns for all of them
   */
  gather<Row extends pg.QueryResultRow = never>(
    statement: { name: string; text: string; values?: unknown[] },
    row: object,
    answered?: (rows: Row[]) => void,
  ): void;
  /** Runs `last` once the work is done, right before the commit: for what is collected on the way. */
  beforeCommit(last: () => void): void;
}

// bigint counters stay below 2^53 here; a string would only invite bugs.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * What the connections of this process are called. Whether a process still lives can be seen in Postgres by it: its
 * connections end with it, however it ended.
 */
export const processName = `gatehouse ${randomUUID()}`;

/**
 * Opens the connection pool. Connections are made lazily, and a lost one is replaced at the next use. Statements of one
 * connection are sent without waiting for the one before; they still run one after the other.
 * @param url `postgres://user:password@host:port/database`
 * @param size most connections at once
 * @param check looks at each new connection before it is used, which then fails with what it throws
 */
export function openPool(url: string, size = 16, check?: (db: Queryable) => Promise<void>): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    connectionTimeoutMillis: 5000,
    pipeline: true,
    application_name: processName,
    ...(check ? { verify: verifying(check) } : {}),
  });
  // An idle client that loses its server emits here; the next query reports the outage to its caller.
  pool.on('error', () => undefined);
  // So does a client that is held between two statements, and there the pool does not listen: unheard, it would end
  // the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** As pg-pool asks for it: https://github.com/brianc/node-postgres/blob/master/packages/pg-pool/index.js */
const verifying =
  (check: (db: Queryable) => Promise<void>) =>
  (client: pg.PoolClient, done: (error?: Error) => void): void => {
    check(client).then(
      () => done(),
      (error: Error) => done(error),
    );
  };

/** Rows that wait to go together. */
interface Gathering {
  statement: { name: string; text: string; values?: unknown[] };
  rows: object[];
  answers: ((rows: pg.QueryResultRow[]) => void)[];
}

/**
 * Begins a transaction whose statements keep one plan. In tables that grow, Postgres would plan them anew each time for
 * thousands of times: it compares with what they cost when the tables were small. A statement in it is named, and its
 * best plan does not hang on its values.
 */
const beginKeepingPlans = 'begin; set local plan_cache_mode = force_generic_plan';

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws or when a statement failed.
 * What nobody waits for travels together with what is waited for next, the last of it with the commit.
 * @param options.keepPlans see `beginKeepingPlans`
 * @throws what `work` throws, or the first error of what was sent, or of the commit
 */
export async function transaction<T>(
  pool: Pool,
  work: (tx: Transaction) => T | Promise<T>,
  { keepPlans = false } = {},
): Promise<T> {
  const client = await pool.connect();
  const sent: Promise<unknown>[] = [];
  const lasts: (() => void)[] = [];
  const gathering = new Map<string, Gathering>();
  let failure: Error | undefined;
  const query = ((...statement: Parameters<typeof client.query>) => {
    sendGathered();
    together(client);
    return client.query(...statement);
  }) as Queryable['query'];
  const send: Transaction['send'] = <Row extends pg.QueryResultRow>(
    statement: pg.QueryConfig,
    answered?: (rows: Row[]) => void,
  ) => {
    const answer = query<Row>(statement).then(({ rows }) => answered?.(rows));
    answer.catch((error: Error) => (failure ??= error));
    sent.push(answer);
  };
  const gather: Transaction['gather'] = (statement, row, answered) => {
    const key = JSON.stringify([statement.name, statement.values]);
    const open: Gathering = gathering.get(key) ?? { statement, rows: [], answers: [] };
    gathering.set(key, open);
    open.rows.push(row);
    if (answered) open.answers.push(answered as Gathering['answers'][number]);
  };
  const sendGathered = (): void => {
    const ready = [...gathering.values()];
    gathering.clear();
    for (const { statement, rows, answers } of ready) {
      const values = [JSON.stringify(rows), ...(statement.values ?? [])];
      send({ ...statement, values }, (found) => answers.forEach((answered) => answered(found)));
    }
  };
  let broken = false;
  try {
    send({ text: keepPlans ? beginKeepingPlans : 'begin' });
    const result = await work({ query, send, gather, beforeCommit: (last) => lasts.push(last) });
    for (const last of lasts) last();
    const committing = query('commit');
    const [{ command }] = await Promise.all([committing, ...sent]);
    // Postgres answers so to the commit of a transaction in which a statement failed.
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    // After it, every other statement only says that the transaction is aborted.
    throw failure ?? error;
  } finally {
    client.release(broken);
  }
}

/**
 * Runs reads that do not wait for each other over one connection: they leave in one packet, and one process of the
 * server answers them, where each over its own connection would wake another one.
 * @param options.keepPlans see `beginKeepingPlans`
 */
export async function inOneGo<T>(
  pool: Pool,
  reads: (db: Queryable) => Promise<T>,
  { keepPlans = false } = {},
): Promise<T> {
  const client = await pool.connect();
  let ended: Promise<unknown> = Promise.resolve();
  try {
    together(client);
    if (keepPlans) client.query(beginKeepingPlans).catch(() => undefined);
    return await reads(client);
  } finally {
    // Nobody waits for the end of what only reads.
    if (keepPlans) ended = client.query('commit');
    ended.then(
      () => client.release(),
      () => client.release(true),
    );
  }
}

/**
 * Lets the statements of one go leave in one packet: a write to a socket costs more than most statements.
 */
function together({ connection: { stream } }: pg.PoolClient): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}
