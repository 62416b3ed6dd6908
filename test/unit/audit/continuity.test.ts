import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import {
  createContinuity,
  headsFileOf,
  readHeads,
  recordReceipts,
  startSealer,
} from '../../../gateway/audit/index.ts';
import { freePorts } from '../../../gateway/cli/up/index.ts';
import {
  postgresAnswers,
  postgresUrl,
  preparePostgres,
  spawnPostgres,
} from '../../../gateway/cli/up/postgres.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { migrate, openPool, transaction, type Pool } from '../../../gateway/db/index.ts';
import { until } from '../../support/gateway.ts';

/** Two servers of Postgres, of which one is a copy of the other that follows and can be promoted. */
let dir: string;
let dataDir: string;
let first: Server;
const pools: Pool[] = [];
const settings = { fsync: 'off', hot_standby: 'on' };

interface Server {
  url: string;
  /** @param check as a gateway looks at each new connection */
  pool(check?: boolean): Pool;
  stop(): Promise<void>;
}

async function server(name: string): Promise<Server> {
  const { postgres: port } = await freePorts();
  const options = { dir: join(dir, name), port, password: 'test', log: join(dir, `${name}.log`), settings };
  const url = postgresUrl(options, 'postgres');
  const child = spawnPostgres(await preparePostgres(options), options);
  await until('a Postgres that answers', 30_000, () => postgresAnswers(options));
  return {
    url,
    pool(check = false) {
      const continuity = createContinuity(dataDir);
      const pool = openPool(url, 1, check ? (db) => continuity.check(db) : undefined);
      pools.push(pool);
      return pool;
    },
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGINT');
      await exit;
    },
  };
}
const sealed = async (pool: Pool, count: number): Promise<void> => {
  await transaction(pool, (tx) =>
    recordReceipts(
      tx,
      Array.from({ length: count }, () => ({ kind: 'decision' as const, facts: {} })),
    ),
  );
  const sealer = await startSealer({
    pool,
    headsFile: headsFileOf(dataDir),
    log: createLogger('silent'),
    everyMs: 3_600_000,
  });
  await sealer.seal();
  await sealer.stop();
};
const refusal = (code: string): object => ({ code, status: 503 });

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-continuity-'));
  await chmod(dir, 0o755);
  dataDir = join(dir, 'gateway');
  first = await server('first');
  const pool = openPool(first.url, 2);
  await migrate(pool);
  await sealed(pool, 3);
  await pool.end();
});
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end();
});
after(async () => {
  await first.stop();
  await rm(dir, { recursive: true });
});

test('the database of before is used, and so is one that was restarted', async () => {
  await first.pool(true).query('select 1');
  await first.stop();
  first = await server('first');
  await first.pool(true).query('select 1');
});

test('attack: a promoted replica is not used until somebody says that it is meant', async () => {
  await first.pool(true).query('select 1');
  await first.stop();
  const copy = join(dir, 'replica');
  // With its owner and its modes, without which Postgres does not start.
  execFileSync('cp', ['-a', join(dir, 'first'), copy]);
  await writeFile(join(copy, 'data', 'standby.signal'), '');
  first = await server('first');
  const replica = await server('replica');
  try {
    await assert.rejects(replica.pool(true).query('select 1'), refusal('GH-AUDIT-008'));
    await replica.pool().query('select pg_promote()');
    await assert.rejects(replica.pool(true).query('select 1'), refusal('GH-AUDIT-007'));
    // Also for a gateway that runs on: whoever takes over ends the connections, and each new one is looked at.
    await createContinuity(dataDir).accept(replica.pool(), 2);
    await replica.pool(true).query('select 1');
    await assert.rejects(first.pool(true).query('select 1'), refusal('GH-AUDIT-007'));
    await createContinuity(dataDir).accept(first.pool(), 3);
  } finally {
    await replica.stop();
  }
});

test('attack: a database that was put back without a word is noticed by the heads', async () => {
  const pool = first.pool();
  const { rows } = await pool.query('select max(position) as last from receipt_seals');
  await pool.query(
    'delete from receipts where arrival = (select arrival from receipt_seals where position = $1)',
    [rows[0]?.last],
  );
  await assert.rejects(first.pool(true).query('select 1'), refusal('GH-AUDIT-009'));
  assert.deepEqual(await createContinuity(dataDir).accept(pool, 7), { lost: 1 });
  await first.pool(true).query('select 1');
  assert.deepEqual(await readHeads(headsFileOf(dataDir)), []);
  assert.match(await readFile(`${headsFileOf(dataDir)}.before-epoch-7`, 'utf8'), /"position":3/);
});

test('attack: a receipt that is another one at its place is noticed as well', async () => {
  const pool = openPool(first.url, 2);
  await sealed(pool, 2);
  await pool.query(
    `update receipt_seals set hash = 'sha256:0' where position = (select max(position) from receipt_seals)`,
  );
  await pool.end();
  await assert.rejects(first.pool(true).query('select 1'), refusal('GH-AUDIT-009'));
});
