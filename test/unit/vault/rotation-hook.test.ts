import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { rotating, timePasses, type Rotating } from './rotation-support.ts';

const name = 'crm/token';
const canary = 'canary-of-the-crm';
let db: TestDatabase;
let folder: string;
const open: Rotating[] = [];
before(async () => {
  db = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-hook-'));
});
after(async () => {
  await db.drop();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await db.pool.query('delete from secret_rotations');
});

/** A program of an operator. @returns how secrets.yaml names it */
function program(called: string, script: string): string {
  const path = join(folder, called);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `[${path}]`;
}

async function withHook(hook: string): Promise<Rotating> {
  const at = await rotating(db, [
    `{ names: ${name}, rotate: { every: 30d, overlap: 1h, owner: p-1, by: { kind: command, ${hook} } } }`,
  ]);
  open.push(at);
  await at.secrets.set(name, canary);
  return at;
}

test('a program gets the value on stdin alone, and its line becomes the next version', async () => {
  const seen = join(folder, 'seen');
  const at = await withHook(
    `make: ${program('make', `cat > ${seen}.stdin; tr '\\0' ' ' < /proc/$$/cmdline > ${seen}.args; env > ${seen}.env; ps -ef > ${seen}.ps; echo noise of ${canary} >&2; echo next-canary`)}, prove: ${program('prove', `test "$(cat)" = next-canary`)}, retire: ${program('retire', `cat > ${seen}.retired`)}`,
  );
  await at.rotations.rotate(name);
  assert.equal(await at.secrets.get(name), 'next-canary');
  assert.equal(await at.secrets.get(name, 1), canary);
  assert.equal(readFileSync(`${seen}.stdin`, 'utf8'), canary);
  for (const place of ['args', 'env', 'ps'])
    assert.ok(!readFileSync(`${seen}.${place}`, 'utf8').includes('canary'), place);
  assert.match(readFileSync(`${seen}.env`, 'utf8'), /^GATEHOUSE_SECRET=crm\/token$/m);
  await timePasses(db, name);
  await at.rotations.look();
  assert.equal(readFileSync(`${seen}.retired`, 'utf8'), canary);
  const everything = JSON.stringify([
    at.logged(),
    (await db.pool.query('select * from secret_rotations')).rows,
    (await db.pool.query('select * from receipts')).rows,
  ]);
  assert.ok(!everything.includes('canary'), 'a value was told');
});

for (const [what, script, text] of [
  ['prints nothing', 'cat > /dev/null', /printed nothing/],
  ['prints two lines', 'echo one-canary; echo two-canary', /more than one line/],
  ['prints too much', 'yes canary', /more than 65536 bytes/],
  ['hangs', 'sleep 100 & wait', /did not end within 1 seconds/],
  ['fails and quotes what it got', 'cat; cat >&2; exit 3', /ended with 3/],
] as const) {
  test(`a program that ${what} changes nothing, and its owner is told`, async () => {
    const at = await withHook(`make: ${program('bad', script)}, seconds: 1`);
    const error = await at.rotations.rotate(name).then(
      () => assert.fail('it was taken'),
      (caught: Error & { code: string }) => caught,
    );
    assert.equal(error.code, 'GH-VAULT-027');
    assert.match(error.message, text);
    assert.equal(await at.secrets.get(name), canary);
    assert.deepEqual(
      at.alarms.map(({ secret, owner }) => [secret, owner]),
      [[name, 'p-1']],
    );
    assert.ok(!JSON.stringify([error.message, error.stack, at.alarms, at.logged()]).includes('canary-'));
    assert.ok(
      !execFileSync('ps', ['-ef'], { encoding: 'utf8' }).includes('sleep 100'),
      'what it started ends',
    );
  });
}

test('a value that the program cannot prove is ended, and the former one stays', async () => {
  const retired = join(folder, 'ended');
  const at = await withHook(
    `make: ${program('make', 'echo bad-canary')}, prove: ${program('prove', 'exit 1')}, retire: ${program('retire', `cat > ${retired}`)}`,
  );
  await assert.rejects(at.rotations.rotate(name), { code: 'GH-VAULT-026' });
  assert.equal(await at.secrets.get(name), canary);
  assert.equal(readFileSync(retired, 'utf8'), 'bad-canary');
  const { rows } = await db.pool.query('select candidate, failure from secret_rotations');
  assert.deepEqual(rows, [{ candidate: null, failure: 'GH-VAULT-026' }]);
});

test('a key of several lines is taken where secrets.yaml says so', async () => {
  const at = await withHook(`make: ${program('make', 'printf "BEGIN\\nkey\\nEND\\n"')}, output: text`);
  await at.rotations.rotate(name);
  assert.equal(await at.secrets.get(name), 'BEGIN\nkey\nEND');
});

test('two gateways rotate a secret once', async () => {
  const count = join(folder, 'count');
  const hook = `make: ${program('make', `echo x >> ${count}; sleep 0.3; echo next-$$`)}`;
  const one = await withHook(hook);
  const other = await rotating(
    db,
    [`{ names: ${name}, rotate: { every: 30d, by: { kind: command, ${hook} } } }`],
    { dataDir: one.dataDir },
  );
  open.unshift(other);
  const outcomes = await Promise.allSettled([one.rotations.rotate(name), other.rotations.rotate(name)]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal(readFileSync(count, 'utf8'), 'x\n');
  await Promise.all([one.rotations.look(), other.rotations.look()]);
  assert.equal(readFileSync(count, 'utf8'), 'x\n', 'not due again');
});

test('a secret that is due is rotated by the next look, and one that is not is left', async () => {
  const at = await withHook(`make: ${program('make', 'echo next')}`);
  await at.rotations.look();
  assert.equal(await at.secrets.get(name), canary);
  await db.pool.query(
    `insert into secret_rotations (secret, rotated_at) values ($1, now() - interval '31 days')`,
    [name],
  );
  await at.rotations.look();
  assert.equal(await at.secrets.get(name), 'next');
});

test('a value that was set by hand meanwhile stays', async () => {
  const at = await withHook(
    `make: ${program('make', 'sleep 0.4; echo next')}, prove: ${program('prove', 'sleep 0.4')}`,
  );
  const rotation = at.rotations.rotate(name);
  const refused = assert.rejects(rotation, { code: 'GH-VAULT-025' });
  while (!(await db.pool.query('select from secret_rotations where candidate is not null')).rowCount);
  await at.secrets.set(name, 'by hand');
  await refused;
  assert.equal(await at.secrets.get(name), 'by hand');
});
