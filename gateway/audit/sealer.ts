import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { GatehouseError, type Logger } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import { genesis, link } from './chain.ts';
import { HeadsFile } from './heads.ts';
import { Search } from './unsealed.ts';
import { compareWithHeads, lastSealed, type ChainEnd } from './witness.ts';

/** The running sealer of one gateway. */
export interface Sealer {
  /** Whether receipts were sealed that no head here knows: the database was put back on purpose, or the file was lost. */
  readonly unwitnessed: boolean;
  /** Seals what is committed now. @returns how many receipts it linked; 0 also while another gateway seals */
  seal(): Promise<number>;
  /** Why sealing stopped for good, or undefined while all is well. */
  problem(): GatehouseError | undefined;
  /** Seals the tail a last time and gives the lock back. */
  stop(): Promise<void>;
}

const batch = 1000;

/**
 * Starts linking receipts into the hash chain. One gateway of many does it, by an advisory lock that lives and dies
 * with the connection that also writes the chain. Each round takes what has no place yet, and the order of the chain is
 * the order of sealing: a receipt that was written early may be committed late.
 * @param headsFile where heads are kept outside Postgres
 * @param everyMs how often to look; receipts send no signal, because NOTIFY would serialise their commits
 * @throws GatehouseError `GH-AUDIT-001` when the chain is shorter than a head says, `GH-AUDIT-002` when it differs,
 *   `GH-AUDIT-003` when the heads file is damaged
 */
export async function startSealer(options: {
  pool: Pool;
  headsFile: string;
  log: Logger;
  everyMs?: number;
}): Promise<Sealer> {
  const { pool, log } = options;
  const file = new HeadsFile(options.headsFile);
  const known = await file.recover();
  await compareWithHeads(pool, known, log);
  const unwitnessed = known.length === 0 && (await lastSealed(pool)).position > 0;

  const stopping = new AbortController();
  let connection: PoolClient | undefined;
  let search: Search;
  let end: ChainEnd = { position: 0, hash: genesis };
  let problem: GatehouseError | undefined;

  /** Takes the lock, and compares again: the chain may have grown elsewhere, or lost its end, since we last held it. */
  const acquire = async (): Promise<PoolClient | undefined> => {
    if (connection) return connection;
    const client = await pool.connect();
    let keep = false;
    try {
      const { rows } = await client.query<{ held: boolean }>(
        `select pg_try_advisory_lock(hashtext('gatehouse.sealer')) as held`,
      );
      if (!rows[0]?.held) return undefined;
      const heads = await file.recover();
      await compareWithHeads(client, heads, log);
      end = await lastSealed(client);
      if (end.position > (heads.at(-1)?.position ?? 0)) await append(client, end);
      search = await Search.start(client);
      client.on('error', drop);
      connection = client;
      keep = true;
      return client;
    } finally {
      // A connection that took the lock and failed afterwards must not go back to the pool with it.
      if (!keep) await client.query(`select pg_advisory_unlock_all()`).catch(() => undefined);
      if (!keep) client.release();
    }
  };
  const drop = (): void => {
    const client = connection;
    connection = undefined;
    client?.off('error', drop);
    client?.release(true);
  };
  const append = async (client: PoolClient, head: ChainEnd): Promise<void> => {
    const { rows } = await client.query<{ now: Date }>('select clock_timestamp() as now');
    await file.append({ ...head, sealedAt: (rows[0]?.now ?? new Date()).toISOString() });
  };

  const round = async (): Promise<number> => {
    const client = await acquire();
    if (!client) return 0;
    const rows = await search.next(client, batch);
    const sealed = link(end, rows);
    const last = sealed.at(-1);
    if (!last) return 0;
    await client.query('begin');
    const now = await lastSealed(client);
    if (now.position !== end.position || now.hash !== end.hash) {
      throw new GatehouseError(
        'GH-AUDIT-002',
        `The end of the receipt chain changed under the sealer: position ${now.position}, expected ${end.position}.`,
        {
          status: 500,
          next: 'Export the receipts, verify them against the heads file, and find who wrote to the table.',
        },
      );
    }
    await client.query({
      name: 'seal-receipts',
      text: `insert into receipt_seals (position, arrival, previous, hash)
       select $1 + at, arrival, previous, hash
       from unnest($2::bigint[], $3::text[], $4::text[]) with ordinality as link (arrival, previous, hash, at)`,
      values: [
        end.position,
        rows.map(({ arrival }) => arrival),
        sealed.map(({ previous }) => previous),
        sealed.map(({ hash }) => hash),
      ],
    });
    await client.query('commit');
    end = { position: last.position, hash: last.hash };
    // After the commit: a head must never attest what Postgres may still lose.
    await append(client, end);
    return sealed.length;
  };

  let turn: Promise<unknown> = Promise.resolve();
  const seal = (): Promise<number> => {
    const next = turn.then(async () => {
      if (problem) throw problem;
      let total = 0;
      try {
        for (let count = batch; count >= batch; total += count) count = await round();
      } catch (error) {
        drop();
        if (error instanceof GatehouseError) problem = error;
        throw error;
      }
      return total;
    });
    turn = next.catch(() => undefined);
    return next;
  };

  const loop = (async () => {
    while (!stopping.signal.aborted && !problem) {
      await seal().catch((error: unknown) => {
        if (problem) log.fatal({ err: problem, code: problem.code }, 'receipts are no longer sealed');
        else log.warn({ err: error }, 'sealing receipts failed and is tried again');
      });
      await sleep(options.everyMs ?? 500, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  return {
    unwitnessed,
    seal,
    problem: () => problem,
    async stop() {
      stopping.abort();
      await loop;
      if (!problem)
        await seal().catch((error: unknown) =>
          log.warn({ err: error }, 'the last receipts are not sealed yet'),
        );
      // A closed connection may keep its lock for a moment; the gateway that starts next would find it taken.
      await connection?.query('select pg_advisory_unlock_all()').catch(() => undefined);
      drop();
    },
  };
}
