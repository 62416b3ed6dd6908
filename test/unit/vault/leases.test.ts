import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { createLeases, createSecretStore, type Lease, type Leases } from '../../../gateway/vault/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { canary, dataFolder } from './support.ts';

let db: TestDatabase;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());
const folder = dataFolder();

const secret = 'demo/postgres';
const target = { tool: 'http.request', method: 'GET', host: 'api.example.com', path: '/v1/things' };

/** Leases over a store that holds the secret. */
async function stored(): Promise<Leases> {
  const store = createSecretStore({ dataDir: folder() });
  await store.set(secret, canary);
  return createLeases(store);
}
const open = (leases: Leases, attemptId: string): Promise<Lease> =>
  transaction(db.pool, (tx) => leases.open(tx, { attemptId, messageId: 'm1', secret, target }));

test('a lease is opened with its receipt and ended in the transactions of its attempt', async () => {
  const leases = await stored();
  const ends = async (): Promise<boolean[]> => {
    const { rows } = await db.pool.query<{ ended: boolean }>(
      `select ended_at is not null as ended from leases where attempt_id in ('att_1', 'att_2') order by attempt_id`,
    );
    return rows.map((row) => row.ended);
  };
  const one = await open(leases, 'att_1');
  await open(leases, 'att_2');
  assert.deepEqual(await ends(), [false, false]);
  await transaction(db.pool, (tx) => leases.end(tx, one));
  assert.deepEqual(await ends(), [true, false]);
  const { rows } = await db.pool.query<{ facts: object }>(
    `select facts from receipts where kind = 'secret.lease'`,
  );
  assert.equal(rows.length, 2);
  assert.ok(!JSON.stringify(rows).includes(canary));
  assert.ok(!JSON.stringify(rows).includes('api.example.com'), 'where it goes is there as a digest only');
});

test('a secret is lent under its lease, for its target, until that ends', async () => {
  const leases = await stored();
  const lease = await open(leases, 'att_3');
  assert.equal((await leases.lend(lease, target)).value, canary);
  for (const other of [
    { ...target, host: 'api.example.com:8443' },
    { ...target, method: 'DELETE' },
    { ...target, path: '/v1/things/other' },
    { ...target, tool: 'http.other' },
    { tool: target.tool },
  ])
    await assert.rejects(leases.lend(lease, other), { code: 'GH-VAULT-018' });
  await transaction(db.pool, (tx) => leases.end(tx, lease));
  await assert.rejects(leases.lend(lease, target), { code: 'GH-VAULT-018' });
});

test('what merely looks like a lease opens nothing', async () => {
  const leases = await stored();
  const lease = await open(leases, 'att_4');
  await assert.rejects(leases.lend({ ...lease }, target), { code: 'GH-VAULT-018' });
  await assert.rejects(createLeases(createSecretStore({ dataDir: folder() })).lend(lease, target), {
    code: 'GH-VAULT-018',
  });
  assert.throws(() => Object.assign(lease, { secret: 'another' }), TypeError);
});

test('after a crash an attempt gets the lease that it has open, and no other', async () => {
  await open(await stored(), 'att_5');
  const restarted = createLeases(createSecretStore({ dataDir: folder() }));
  const lease = await restarted.resume(db.pool, 'att_5');
  assert.ok(lease);
  assert.equal((await restarted.lend(lease, target)).value, canary);
  await assert.rejects(restarted.lend(lease, { ...target, host: 'elsewhere.example' }), {
    code: 'GH-VAULT-018',
  });
  await transaction(db.pool, (tx) => restarted.end(tx, lease));
  assert.equal(await restarted.resume(db.pool, 'att_5'), null);
  assert.equal(await restarted.resume(db.pool, 'att_never'), null);
  await db.pool.query(`insert into leases (id, attempt_id, secret) values ('lease_old', 'att_6', $1)`, [
    secret,
  ]);
  const unbound = await restarted.resume(db.pool, 'att_6');
  assert.ok(unbound);
  await assert.rejects(restarted.lend(unbound, target), { code: 'GH-VAULT-018' });
});

test('a secret that is not set is refused with the command', async () => {
  const leases = createLeases(createSecretStore({ dataDir: folder() }));
  const lease = await open(leases, 'att_7');
  await assert.rejects(leases.lend(lease, target), {
    code: 'GH-VAULT-008',
    next: 'Run gatehouse secret set demo/postgres.',
  });
});
