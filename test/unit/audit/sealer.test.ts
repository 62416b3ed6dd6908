import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHeads, recordReceipts, startSealer, type Sealer } from '../../../gateway/audit/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const log = createLogger('silent');
const never = 3_600_000;
/** Of receipts: the one at a place of the chain. */
const at = (position: number): string =>
  `where arrival = (select arrival from receipt_seals where position = ${position})`;
let database: TestDatabase;
let folder: string;
let headsFile: string;
let sealers: Sealer[];

before(async () => {
  database = await testDatabase();
});
after(() => database.drop());
beforeEach(async () => {
  await database.pool.query('truncate receipts, receipt_seals restart identity');
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-audit-'));
  headsFile = join(folder, 'heads.jsonl');
  sealers = [];
});
afterEach(async () => {
  for (const sealer of sealers) await sealer.stop();
  await rm(folder, { recursive: true });
});

async function start(file = headsFile, timing: { everyMs?: number } = { everyMs: never }): Promise<Sealer> {
  const sealer = await startSealer({ pool: database.pool, headsFile: file, log, ...timing });
  sealers.push(sealer);
  return sealer;
}
const write = (count: number): Promise<string[]> =>
  transaction(database.pool, (tx) =>
    recordReceipts(
      tx,
      Array.from({ length: count }, (_, index) => ({ kind: 'decision' as const, facts: { index } })),
    ),
  );
const chain = async (): Promise<{ id: string; position: number; previous: string; hash: string }[]> =>
  (await database.pool.query('select id, position, previous, hash from sealed_receipts order by position'))
    .rows;

test('receipts are linked in order, and the head reaches the file', async () => {
  const ids = await write(3);
  const sealer = await start();
  await sealer.seal();
  const links = await chain();
  assert.deepEqual(
    links.map((link) => [link.id, link.position]),
    ids.map((id, index) => [id, index + 1]),
  );
  assert.equal(links[1]?.previous, links[0]?.hash);
  assert.equal((await readHeads(headsFile)).at(-1)?.hash, links[2]?.hash);
});

test('a chain whose heads are not here is noticed: its database may have been put back', async () => {
  assert.equal((await start()).unwitnessed, false);
  await write(1);
  await sealers[0]?.seal();
  assert.equal((await start()).unwitnessed, false);
  assert.equal((await start(join(folder, 'elsewhere.jsonl'))).unwitnessed, true);
});

test('a receipt is sealed within a second', async () => {
  await start(headsFile, {});
  await write(1);
  const deadline = Date.now() + 1000;
  while ((await chain()).length === 0) {
    assert.ok(Date.now() < deadline, 'not sealed after a second');
    await sleep(20);
  }
});

test('a receipt that took its arrival first and committed last is not skipped', async () => {
  const sealer = await start();
  const slow = await database.pool.connect();
  await slow.query('begin');
  const { rows } = await slow.query<{ id: string }>(
    `insert into receipts (id, kind, facts) values (gen_random_uuid(), 'outcome', '{"slow":true}') returning id`,
  );
  const [early] = await write(1);
  await sealer.seal();
  await slow.query('commit');
  slow.release();
  await sealer.seal();
  assert.deepEqual(
    (await chain()).map((link) => link.id),
    [early, rows[0]?.id],
  );
});

test('a receipt of a transaction that rolled back leaves no gap', async () => {
  const sealer = await start();
  await assert.rejects(
    transaction(database.pool, (tx) => {
      recordReceipts(tx, [{ kind: 'outcome', facts: {} }]);
      tx.beforeCommit(() => tx.send({ text: 'select 1 / 0' }));
    }),
    { code: '22012' },
  );
  await write(2);
  await sealer.seal();
  assert.deepEqual(
    (await chain()).map((link) => link.position),
    [1, 2],
  );
});

test('two sealers at once make one chain', async () => {
  const first = await start();
  const second = await start(join(folder, 'other.jsonl'));
  for (let round = 0; round < 5; round += 1) {
    await write(20);
    await Promise.all([first.seal(), second.seal()]);
  }
  assert.deepEqual(
    (await chain()).map((link) => link.position),
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
  await first.stop();
  sealers = [second];
  await write(1);
  assert.equal(await second.seal(), 1, 'the other takes over once the first is gone');
});

test('stop seals the tail', async () => {
  const sealer = await start();
  await sealer.seal();
  await write(4);
  await sealer.stop();
  assert.equal((await chain()).length, 4);
});

test('a lost connection is replaced, and the chain goes on', async () => {
  const sealer = await start();
  await write(1);
  await sealer.seal();
  await database.pool.query(
    // Locks are listed for all databases, and other tests share this server.
    `select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
     where l.locktype = 'advisory' and l.pid <> pg_backend_pid() and d.datname = current_database()`,
  );
  await write(1);
  await sealer.seal().catch(() => undefined);
  await sealer.seal();
  assert.deepEqual(
    (await chain()).map((link) => link.position),
    [1, 2],
  );
  assert.equal(sealer.problem(), undefined);
});

test('more receipts than one batch holds are all sealed in one call', async () => {
  const sealer = await start();
  await sealer.seal();
  await write(2500);
  assert.equal(await sealer.seal(), 2500);
  assert.equal((await chain()).length, 2500);
});

async function sealedAndStopped(count: number): Promise<void> {
  const sealer = await start();
  for (let index = 0; index < count; index += 1) {
    await write(1);
    await sealer.seal();
  }
  await sealer.stop();
  sealers = [];
}

test('attack: the end of the chain was cut off while the gateway was down', async () => {
  await sealedAndStopped(3);
  await database.pool.query(`delete from receipts ${at(3)}`);
  await assert.rejects(start(), {
    code: 'GH-AUDIT-001',
    message: /3 receipts were sealed, Postgres holds 2/,
  });
});

test('attack: the last receipt is deleted, and so is the file of heads', async () => {
  await sealedAndStopped(3);
  await database.pool.query(`delete from receipts ${at(3)}`);
  await assert.rejects(start(join(folder, 'none.jsonl')), { code: 'GH-AUDIT-001' });
});

test('attack: a receipt whose seal is taken away and made anew leaves a gap that is found', async () => {
  await sealedAndStopped(3);
  await database.pool.query('delete from receipt_seals where position = 2');
  await assert.rejects(start(), { code: 'GH-AUDIT-002' });
});

test('receipts that were passed over are sealed, whoever wrote after them, also after a change of the sealer', async () => {
  const first = await start();
  const slow = await database.pool.connect();
  await slow.query('begin');
  const insert = `insert into receipts (id, kind, facts) values (gen_random_uuid(), 'outcome', '{}')`;
  await slow.query(insert);
  await write(2);
  await first.seal();
  await slow.query(insert);
  await write(2);
  await first.stop();
  const second = await start();
  await write(1);
  await second.seal();
  await write(1);
  await second.seal();
  assert.equal((await chain()).length, 6);
  await slow.query('commit');
  slow.release();
  await second.seal();
  await second.seal();
  assert.equal((await chain()).length, 8);
});

test('attack: the chain was rewritten from its first receipt, with hashes that agree', async () => {
  await sealedAndStopped(3);
  await database.pool.query(`update receipts set facts = '{"index": 9}'`);
  await database.pool.query('truncate receipt_seals');
  const forger = await start(join(folder, 'forged.jsonl'));
  await forger.seal();
  await forger.stop();
  sealers = [];
  await assert.rejects(start(), { code: 'GH-AUDIT-002', message: /receipt 1 / });
});

test('attack: one fact of a sealed receipt was changed', async () => {
  await sealedAndStopped(3);
  await database.pool.query(`update receipts set facts = '{"index": 9}' ${at(2)}`);
  await assert.rejects(start(), { code: 'GH-AUDIT-002', message: /receipt 2 .* was changed/ });
});

test('attack: the end of the chain is cut off while the sealer runs', async () => {
  const sealer = await start();
  await write(2);
  await sealer.seal();
  await database.pool.query(`delete from receipts ${at(2)}`);
  await write(1);
  await assert.rejects(sealer.seal(), { code: 'GH-AUDIT-002' });
  assert.equal(sealer.problem()?.code, 'GH-AUDIT-002');
  assert.equal((await chain()).length, 1, 'nothing is chained over a cut');
});

test('attack: a head in the file was changed', async () => {
  await sealedAndStopped(2);
  const content = await readFile(headsFile, 'utf8');
  await writeFile(headsFile, content.replace('"position":2', '"position":x'));
  await assert.rejects(start(), { code: 'GH-AUDIT-003', message: /Line 2/ });
});

test('a head that a crash left half-written is dropped, and the next one starts a line', async () => {
  await sealedAndStopped(2);
  await appendFile(headsFile, '{"position":3,"ha');
  const sealer = await start();
  await write(1);
  await sealer.seal();
  assert.deepEqual(
    (await readHeads(headsFile)).map((head) => head.position),
    [1, 2, 3],
  );
});

test('a crash between the commit and the append leaves a shorter heads file, which is caught up', async () => {
  await sealedAndStopped(2);
  const content = await readFile(headsFile);
  await truncate(headsFile, content.indexOf('\n') + 1);
  const sealer = await start();
  await sealer.seal();
  assert.deepEqual(
    (await readHeads(headsFile)).map((head) => head.position),
    [1, 2],
  );
});
