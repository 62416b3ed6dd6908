import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { changing, resetFactors, type FactorNews } from '../../../gateway/factors/index.ts';
import { SoftPasskey } from '../../support/passkey.ts';
import {
  enrolApp,
  enrolPasskey,
  openFactors,
  ripen,
  sessions,
  site,
  somebody,
  vote,
  type Vault,
} from './support.ts';

let vault: Vault;
before(async () => {
  vault = await openFactors();
});
after(() => vault.close());

const hours = (from: Date): number => Math.round((from.getTime() - Date.now()) / 360_000) / 10;

async function newsOf(principal: string): Promise<FactorNews[]> {
  const all = await transaction(vault.database.pool, (tx) => vault.factors.takeNews(tx));
  return all.filter((news) => news.principal === principal);
}

test('the first factor takes a sign-in of the last minutes', async () => {
  const principal = somebody();
  for (const session of [sessions.old, sessions.proven]) {
    await assert.rejects(enrolApp(vault, principal, session), { code: 'GH-FACTOR-007' });
    await assert.rejects(enrolPasskey(vault, principal, session), { code: 'GH-FACTOR-007' });
  }
  await enrolPasskey(vault, principal, sessions.fresh);
});

test('a sign-in that grew old between the two steps adds nothing', async () => {
  const principal = somebody();
  const options = await vault.factors.startPasskey({ principal, display: 'x' }, sessions.fresh);
  const made = { label: '', attestation: new SoftPasskey(site).create(options) };
  await assert.rejects(vault.factors.addPasskey(principal, sessions.old, made), { code: 'GH-FACTOR-007' });
  const app = await vault.factors.startCode(principal, sessions.fresh);
  const late = { id: app.id, label: '', code: '123456' };
  await assert.rejects(vault.factors.addCode(principal, sessions.old, late), { code: 'GH-FACTOR-007' });
});

test('a further factor takes one that they have; a fresh sign-in or an invitation is not enough', async () => {
  const principal = somebody();
  await enrolPasskey(vault, principal);
  for (const session of [sessions.old, sessions.fresh, sessions.invited]) {
    await assert.rejects(enrolApp(vault, principal, session), { code: 'GH-FACTOR-008' });
    await assert.rejects(enrolPasskey(vault, principal, session), { code: 'GH-FACTOR-008' });
  }
  await enrolApp(vault, principal, sessions.proven);
});

test('of two first factors that are set up at once, the second needs the first', async () => {
  const principal = somebody();
  const app = await vault.factors.startCode(principal, sessions.fresh);
  await enrolPasskey(vault, principal, sessions.fresh);
  const made = { id: app.id, label: '', code: '123456' };
  await assert.rejects(vault.factors.addCode(principal, sessions.fresh, made), { code: 'GH-FACTOR-008' });
});

test('the very first factor decides at once if an administrator invited them, else after a day', async () => {
  const [invited, alone] = [somebody(), somebody()];
  assert.equal((await enrolPasskey(vault, invited, sessions.invited)).factor.mayVote, true);
  const { key, factor } = await enrolPasskey(vault, alone, sessions.fresh);
  assert.equal(factor.mayVote, false);
  assert.equal(hours(factor.votesFrom), 24);
  await assert.rejects(vault.factors.challenge(alone, vote()), { code: 'GH-FACTOR-006' });
  assert.equal(await vault.factors.holds(vault.database.pool, alone, `passkey:${key.id}`), false);
  await ripen(vault, alone);
  const assertion = key.get(await vault.factors.challenge(alone, vote()));
  await vault.factors.prove(alone, vote(), { assertion });
});

test('a code that waits is refused with the time from which on it decides', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal, sessions.fresh);
  await assert.rejects(vault.factors.prove(principal, vote(), { code: code() }), { code: 'GH-FACTOR-005' });
});

test('an invitation lets no second factor decide at once, nor one after all were removed or reset', async () => {
  const [one, two] = [somebody(), somebody()];
  const both = { ...sessions.invited, proven: true };
  const first = await enrolPasskey(vault, one, both);
  assert.equal((await enrolApp(vault, one, both)).factor.mayVote, false);
  for (const factor of await vault.factors.list(one)) await vault.factors.remove(one, both, factor.id);
  assert.equal((await enrolPasskey(vault, one, both)).factor.mayVote, false);
  assert.equal(first.factor.mayVote, true);

  await enrolPasskey(vault, two);
  assert.equal(await resetFactors(vault.database.pool, two, 'cli:root'), 1);
  assert.deepEqual(await vault.factors.list(two), []);
  assert.equal((await enrolPasskey(vault, two, sessions.invited)).factor.mayVote, false);
});

test('one that waits proves a change only while nothing older could', async () => {
  const principal = somebody();
  const old = await enrolPasskey(vault, principal);
  const app = await enrolApp(vault, principal, sessions.proven);
  await assert.rejects(vault.factors.prove(principal, changing, { code: app.code() }), {
    code: 'GH-FACTOR-005',
  });
  await vault.factors.remove(principal, sessions.proven, old.factor.id);
  await vault.factors.prove(principal, changing, { code: app.code() });
});

test('a factor that decides is not removed by a session alone; one that waits is by a fresh one', async () => {
  const principal = somebody();
  const old = await enrolPasskey(vault, principal);
  const { factor: app } = await enrolApp(vault, principal, sessions.proven);
  for (const session of [sessions.old, sessions.fresh, sessions.invited]) {
    await assert.rejects(vault.factors.remove(principal, session, old.factor.id), { code: 'GH-FACTOR-008' });
  }
  await assert.rejects(vault.factors.remove(principal, sessions.old, app.id), { code: 'GH-FACTOR-008' });
  await vault.factors.remove(principal, sessions.fresh, app.id);
  await vault.factors.remove(principal, sessions.proven, old.factor.id);
  assert.deepEqual(await vault.factors.list(principal), []);
  const { rows } = await vault.database.pool.query<{ kept: boolean }>(
    'select public_key is not null or sealed_secret is not null as kept from factors where principal = $1',
    [principal],
  );
  assert.deepEqual(
    rows.map((row) => row.kept),
    [false, false],
  );
});

test('nobody removes a factor of somebody else, or finishes an app that somebody else began', async () => {
  const [one, two] = [somebody(), somebody()];
  const { factor } = await enrolPasskey(vault, one);
  await assert.rejects(vault.factors.remove(two, sessions.proven, factor.id), { code: 'GH-FACTOR-010' });
  const app = await vault.factors.startCode(two, sessions.fresh);
  const made = { id: app.id, label: '', code: '123456' };
  await assert.rejects(vault.factors.addCode(somebody(), sessions.fresh, made), { code: 'GH-FACTOR-010' });
});

test('a removed or reset passkey proves nothing more, not even for a challenge from before', async () => {
  const principal = somebody();
  const { key, factor } = await enrolPasskey(vault, principal);
  const options = await vault.factors.challenge(principal, vote());
  await vault.factors.remove(principal, sessions.proven, factor.id);
  await assert.rejects(vault.factors.prove(principal, vote(), { assertion: key.get(options) }), {
    code: 'GH-FACTOR-002',
  });
  assert.equal(await vault.factors.holds(vault.database.pool, principal, `passkey:${key.id}`), false);
});

test('an app has ten minutes to show its first code, and a second attempt ends the first', async () => {
  const principal = somebody();
  const first = await vault.factors.startCode(principal, sessions.fresh);
  const second = await vault.factors.startCode(principal, sessions.fresh);
  const finish = (id: string) =>
    vault.factors.addCode(principal, sessions.fresh, { id, label: '', code: '000000' });
  await assert.rejects(finish(first.id), { code: 'GH-FACTOR-010' });
  await vault.database.pool.query(`update factors set created_at = created_at - interval '10 minutes'`);
  await assert.rejects(finish(second.id), { code: 'GH-FACTOR-010' });
});

test('a name is kept as typed but for what cannot be seen, and never empty', async () => {
  const principal = somebody();
  const options = await vault.factors.startPasskey({ principal, display: 'x' }, sessions.fresh);
  const label = ` \u202eKey\u0000\u200b ${'x'.repeat(60)}`;
  const made = { label, attestation: new SoftPasskey(site).create(options) };
  const factor = await vault.factors.addPasskey(principal, sessions.fresh, made);
  assert.equal(factor.label, `Key ${'x'.repeat(36)}`);
});

test('each change has a receipt without a key or a name in it, and news for the person', async () => {
  const principal = somebody();
  const { key, factor } = await enrolPasskey(vault, principal);
  const app = await enrolApp(vault, principal, sessions.proven);
  await vault.factors.remove(principal, sessions.proven, factor.id);
  await resetFactors(vault.database.pool, principal, 'cli:root');
  const { rows } = await vault.database.pool.query<{ facts: Record<string, string | null> }>(
    `select facts from receipts where kind = 'factor' and facts ->> 'principal' = $1 order by id`,
    [principal],
  );
  assert.deepEqual(
    rows.map(({ facts }) => [facts.state, facts.by, facts.type]),
    [
      ['added', principal, 'passkey'],
      ['added', principal, 'code'],
      ['removed', principal, 'passkey'],
      ['reset', 'cli:root', null],
    ],
  );
  for (const secret of [key.id, app.secret, 'App']) assert.ok(!JSON.stringify(rows).includes(secret));
  const news = await newsOf(principal);
  assert.deepEqual(
    news.map((one) => [one.what, one.label]),
    [
      ['added', 'Key'],
      ['added', 'App'],
      ['removed', 'Key'],
      ['reset', null],
    ],
  );
  assert.deepEqual(await newsOf(principal), [], 'told once');
  await assert.rejects(resetFactors(vault.database.pool, principal, 'cli:root'), { code: 'GH-FACTOR-010' });
});
