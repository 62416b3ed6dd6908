import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClients, createSignIn } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

test('a login link works once, also for two browsers at once', async () => {
  const signIn = createSignIn({ pool: database.pool });
  const token = await signIn.issueLogin('ann', 60);
  const results = await Promise.all([signIn.redeem(token), signIn.redeem(token)]);
  assert.equal(results.filter((result) => result !== null).length, 1);
  assert.equal(await signIn.redeem(token), null);
  const session = results.find((result) => result !== null);
  assert.ok(session);
  assert.deepEqual(await signIn.session(session.session), { principal: 'ann', csrf: session.csrf });
});

test('an expired login link and an ended session are nothing', async () => {
  const signIn = createSignIn({ pool: database.pool });
  assert.equal(await signIn.redeem(await signIn.issueLogin('ann', -1)), null);
  assert.equal(await signIn.redeem('login_guess'), null);
  const session = await signIn.redeem(await signIn.issueLogin('ann', 60));
  assert.ok(session);
  await signIn.end(session.session);
  assert.equal(await signIn.session(session.session), null);
});

test('only the demo knows login links that work again, and only until they expire', async () => {
  const demo = createSignIn({ pool: database.pool, demo: true });
  const production = createSignIn({ pool: database.pool });
  await assert.rejects(production.issueLogin('ann', 60, { reusable: true }), { code: 'GH-SESSIONS-005' });
  const token = await demo.issueLogin('requester', 60, { reusable: true });
  assert.ok(await demo.redeem(token));
  assert.ok(await demo.redeem(token));
  assert.equal(await production.redeem(token), null, 'a link left over from the demo');
  await database.pool.query(`update web_logins set expires_at = now() - interval '1 second'`);
  assert.equal(await demo.redeem(token), null);
});

test('a rotated session lives on under a new token, keeps its end, and signing out ends both tokens', async () => {
  const signIn = createSignIn({ pool: database.pool });
  const first = await signIn.redeem(await signIn.issueLogin('ann', 60));
  assert.ok(first);
  const second = await signIn.rotate(first.session);
  assert.ok(second);
  assert.notEqual(second.session, first.session);
  assert.equal(second.csrf, first.csrf);
  assert.equal(await signIn.rotate(first.session), null, 'the old token cannot be multiplied');
  assert.ok(await signIn.session(first.session), 'requests under way still pass');
  const { rows } = await database.pool.query<{ seconds: number }>(
    `select extract(epoch from expires_at - now())::float8 as seconds from web_sessions where rotated`,
  );
  assert.ok((rows[0]?.seconds ?? 99) <= 60);
  await signIn.end(second.session);
  assert.equal(await signIn.session(first.session), null);
  assert.equal(await signIn.session(second.session), null);
});

test('no token is stored as it is', async () => {
  const signIn = createSignIn({ pool: database.pool });
  const clients = createClients({ pool: database.pool });
  const login = await signIn.issueLogin('ann', 60);
  const session = await signIn.redeem(await signIn.issueLogin('ann', 60));
  const client = await clients.issue('n8n', ['run']);
  for (const table of ['web_logins', 'web_sessions', 'clients']) {
    const { rows } = await database.pool.query(`select to_jsonb(t)::text as row from ${table} t`);
    const text = JSON.stringify(rows);
    for (const token of [login, session?.session ?? '', client]) {
      assert.ok(!text.includes(token) && !text.includes(Buffer.from(token).toString('hex')));
    }
  }
});

test('a client has its scopes, and neither a revoked nor a replaced token passes', async () => {
  const clients = createClients({ pool: database.pool });
  const token = await clients.issue('worker', ['envelopes', 'tools']);
  assert.deepEqual(await clients.authenticate(token), { id: 'worker', scopes: ['envelopes', 'tools'] });
  const replaced = await clients.issue('worker', ['tools']);
  assert.equal(await clients.authenticate(token), null);
  assert.deepEqual(await clients.authenticate(replaced), { id: 'worker', scopes: ['tools'] });
  await clients.revoke('worker');
  assert.equal(await clients.authenticate(replaced), null);
  assert.equal(await clients.authenticate(''), null);
});
