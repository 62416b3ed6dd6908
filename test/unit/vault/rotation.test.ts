import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import pg from 'pg';
import { transaction } from '../../../gateway/db/index.ts';
import { createLeases } from '../../../gateway/vault/index.ts';
import { administer, testDatabase, testServer, type TestDatabase } from '../../support/postgres.ts';
import { rotating, signIn, timePasses, type Rotating } from './rotation-support.ts';

const name = 'demo/postgres';
const entry = `{ names: ${name}, rotate: { every: 30d, overlap: 1h, by: { kind: postgres, admin: gateway/postgres-admin } } }`;
let db: TestDatabase;
let role: string;
const open: Rotating[] = [];

before(async () => {
  db = await testDatabase();
});
after(() => db.drop());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await db.pool.query('delete from secret_rotations');
  await db.pool.query('drop table if exists ledger');
  for (const each of [`${role}_standby`, role]) await administer(testServer(), `drop role if exists ${each}`);
});

/** A service role with a grant, a setting and a limit, its URL in the store. */
async function service(): Promise<Rotating> {
  role = `r_${randomBytes(4).toString('hex')}`;
  const url = new URL(db.url);
  url.username = role;
  url.password = 'first-canary-password';
  await db.pool.query(`create table ledger (amount int)`);
  await administer(
    testServer(),
    `create role ${role} login password 'first-canary-password' connection limit 7`,
  );
  await administer(testServer(), `alter role ${role} set search_path = "$user", public, extra`);
  await administer(testServer(), `alter role ${role} set default_transaction_read_only = on`);
  await db.pool.query(`grant select on ledger to ${role}`);
  const at = await rotating(db, [entry]);
  open.push(at);
  await at.secrets.set(name, url.href);
  await at.secrets.set('gateway/postgres-admin', db.url);
  return at;
}

const current = async (at: Rotating): Promise<string> => (await at.secrets.get(name)) ?? assert.fail();
const receipts = async (): Promise<{ kind: string; facts: Record<string, unknown> }[]> =>
  (
    await db.pool.query<{ kind: string; facts: Record<string, unknown> }>(
      `select kind, facts from receipts where kind in ('secret.rotated', 'secret.retired') and facts->>'secret' = $1
       order by id`,
      [name],
    )
  ).rows;

test('a Postgres role is rotated: both passwords are good in the overlap, the former one ends after it', async () => {
  const at = await service();
  const former = await current(at);
  assert.deepEqual(await at.rotations.rotate(name), { version: 2, overlapMs: 3_600_000 });
  const next = await current(at);
  assert.equal(new URL(next).username, `${role}_standby`);
  assert.notEqual(new URL(next).password, new URL(former).password);
  assert.deepEqual([await signIn(former), await signIn(next)], [role, `${role}_standby`]);

  const client = new pg.Client({ connectionString: next });
  await client.connect();
  await client.query('select * from ledger');
  const { rows } = await client.query<Record<string, string>>(
    `select current_setting('search_path') as path, current_setting('default_transaction_read_only') as readonly,
       rolconnlimit::text as most from pg_roles where rolname = current_user`,
  );
  assert.deepEqual(rows[0], { path: '"$user", public, extra', readonly: 'on', most: '7' });
  await client.end();

  await assert.rejects(at.rotations.rotate(name), { code: 'GH-VAULT-025' }, 'two are good at most');
  await at.rotations.look();
  assert.equal(await signIn(former), role);
  await timePasses(db, name);
  await at.rotations.look();
  assert.equal(await signIn(former), '28P01');
  assert.equal(await signIn(next), `${role}_standby`);

  // The first role has its turn again, with another password.
  await at.rotations.rotate(name);
  const third = await current(at);
  assert.equal(await signIn(third), role);
  assert.notEqual(third, former);
  assert.deepEqual(
    (await receipts()).map(({ kind, facts }) => [kind, facts.version]),
    [
      ['secret.rotated', 2],
      ['secret.retired', 1],
      ['secret.rotated', 3],
    ],
  );
});

test('without its admin secret nothing is rotated, and what to set is told', async () => {
  const at = await rotating(db, [entry.replace('gateway/postgres-admin', 'gateway/not-set')]);
  open.push(at);
  await at.secrets.set(name, db.url);
  await assert.rejects(at.rotations.rotate(name), {
    code: 'GH-VAULT-025',
    message: 'The secret gateway/not-set is not set.',
    next: /URL of a role that may create roles: gatehouse secret set gateway\/not-set/,
  });
  assert.equal(await current(at), db.url);
});

test('the former one does not end before the last lease that may hold it', async () => {
  const at = await service();
  const former = await current(at);
  const leases = createLeases(at.secrets);
  const target = { tool: 'ledger.transfer' };
  const lease = await transaction(db.pool, (tx) =>
    leases.open(tx, { attemptId: 'att_old', messageId: 'm1', secret: name, target }),
  );
  await at.rotations.rotate(name);
  const later = await transaction(db.pool, (tx) =>
    leases.open(tx, { attemptId: 'att_new', messageId: 'm1', secret: name, target }),
  );
  await timePasses(db, name);
  await at.rotations.look();
  assert.equal(await signIn(former), role, 'its call goes on');
  await transaction(db.pool, (tx) => leases.end(tx, lease));
  await at.rotations.look();
  assert.equal(await signIn(former), '28P01');
  assert.equal((await leases.lend(later, target)).value, await current(at));
  await transaction(db.pool, (tx) => leases.end(tx, later));
});

test('a new value that its system refuses is taken back, alarms, and is tried again later', async () => {
  const at = await service();
  const former = await current(at);
  await administer(testServer(), `create role ${role}_standby nologin`);
  await assert.rejects(
    at.rotations.rotate(name),
    { code: 'GH-VAULT-025' },
    'a role of somebody else is left alone',
  );
  assert.equal(await current(at), former);
  await administer(testServer(), `drop role ${role}_standby`);
  await at.secrets.set('gateway/postgres-admin', db.url.replace(/:\d+\//, ':1/'));
  await db.pool.query('update secret_rotations set candidate = null');
  await assert.rejects(at.rotations.rotate(name), { code: 'GH-VAULT-026' });
  assert.equal(await current(at), former);
  assert.equal(await signIn(former), role);
  const { rows } = await db.pool.query<{ failures: number; failure: string; waits: boolean }>(
    'select failures, failure, next_try > now() as waits from secret_rotations',
  );
  assert.deepEqual(rows, [{ failures: 1, failure: 'GH-VAULT-026', waits: true }]);
  assert.equal(at.alarms.length, 1);
  await at.rotations.look();
  assert.equal(at.alarms.length, 1, 'it waits before it tries again');
  await at.secrets.set('gateway/postgres-admin', db.url);
  await db.pool.query('update secret_rotations set next_try = now()');
  await at.rotations.look();
  assert.equal(await signIn(await current(at)), `${role}_standby`);
  const { rows: mended } = await db.pool.query('select failures, failed_since from secret_rotations');
  assert.deepEqual(mended, [{ failures: 0, failed_since: null }]);
});

for (const step of [
  'before it is kept',
  'after it is kept',
  'after it is proven',
  'before it is stored',
  'after it is stored',
]) {
  test(`kill -9 ${step}: what is stored works, and the next look brings it to its end`, async () => {
    const at = await service();
    const former = await current(at);
    const program = join(import.meta.dirname, 'rotation-crash.ts');
    const child = spawn(process.execPath, [program, db.url, at.dataDir, name, step], { stdio: 'inherit' });
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    assert.match(await signIn(await current(at)), /^r_/, 'the stored one works');
    assert.equal(await signIn(former), role, 'so does the former one');
    await db.pool.query(
      `insert into secret_rotations (secret, rotated_at) values ($1, now() - interval '31 days')
       on conflict (secret) do nothing`,
      [name],
    );
    await at.rotations.look();
    const next = await current(at);
    assert.equal(await signIn(next), `${role}_standby`);
    assert.equal(new URL(next).username, `${role}_standby`);
    assert.equal((await at.secrets.describe(name))?.version, 2);
    await timePasses(db, name);
    await at.rotations.look();
    assert.equal(await signIn(former), '28P01');
    assert.equal(await signIn(next), `${role}_standby`);
    const { rows } = await db.pool.query('select candidate, former_version from secret_rotations');
    assert.deepEqual(rows, [{ candidate: null, former_version: null }]);
  });
}
