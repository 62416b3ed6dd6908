import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { rotating, timePasses, type Rotating } from './rotation-support.ts';

const name = 'webhook/signing-secret';
const first = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const open: Rotating[] = [];
let db: TestDatabase;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

test('two signing secrets are good in the overlap, the new one alone after it, and two at most ever', async () => {
  const at = await rotating(db, [
    `{ names: ${name}, rotate: { every: 30d, overlap: 7d, by: { kind: webhook-signing } } }`,
  ]);
  open.push(at);
  await at.secrets.set(name, first);
  await at.rotations.rotate(name);
  const both = ((await at.secrets.get(name)) ?? '').split(' ');
  assert.equal(both.length, 2);
  assert.equal(both[1], first);
  const [fresh = ''] = both;
  assert.equal(new Webhook(fresh).sign('id', new Date(0), 'x').startsWith('v1,'), true);
  await at.rotations.look();
  assert.equal(await at.secrets.get(name), both.join(' '), 'the overlap lasts');
  await timePasses(db, name);
  await at.rotations.look();
  assert.equal(await at.secrets.get(name), fresh);
  await at.rotations.rotate(name);
  assert.equal((await at.secrets.get(name))?.split(' ')[1], fresh);
  assert.equal((await at.secrets.get(name))?.split(' ').length, 2);
});

test('what a vendor replaced while it was used is stored, with a receipt', async () => {
  const at = await rotating(db, [
    `{ names: ${name}, rotate: { every: 30d, by: { kind: webhook-signing } } }`,
  ]);
  open.push(at);
  await at.secrets.set('vendor/refresh', 'old-canary');
  await at.rotations.replaced('vendor/refresh', 'new-canary');
  assert.equal(await at.secrets.get('vendor/refresh'), 'new-canary');
  const { rows } = await db.pool.query(
    `select facts from receipts where kind = 'secret.rotated' and facts->>'secret' = 'vendor/refresh'`,
  );
  assert.deepEqual(rows, [{ facts: { secret: 'vendor/refresh', version: 2, former: 1 } }]);
});
