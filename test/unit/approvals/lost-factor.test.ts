import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, Ballot, InboxWish } from '../../../gateway/approvals/index.ts';
import { createFactors } from '../../../gateway/factors/index.ts';
import { createBox } from '../../../gateway/vault/index.ts';
import {
  everybody,
  gateOf,
  openHouse,
  person,
  publicUrl,
  stateOf,
  type DecisionOptions,
  type House,
} from './support.ts';

/** Strict requests over the real factors, of whom the tests take some away after a vote. */
let house: House;
let strict: Approvals;
let dataDir: string;
before(async () => {
  house = await openHouse();
  dataDir = await mkdtemp(join(tmpdir(), 'lost-factor-'));
  const factors = createFactors({ pool: house.database.pool, box: createBox({ dataDir }), publicUrl });
  strict = house.another({ isStrict: (tool) => tool === 'ledger.transfer', factors });
});
after(async () => {
  await house.close();
  await rm(dataDir, { recursive: true });
});
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  await house.setPeople({ people: everybody });
  await house.database.pool.query('truncate factors');
  await have('approver-a', 'passkey:a');
  await have('approver-b', 'passkey:b');
});

const have = (principal: string, authenticator: string) =>
  house.database.pool.query(
    `insert into factors (id, principal, kind, label, authenticator, confirmed_at, votes_from)
     values (gen_random_uuid(), $1, 'passkey', 'A key', $2, now(), now())`,
    [principal, authenticator],
  );
const lose = (authenticator: string) =>
  house.database.pool.query('update factors set removed_at = now() where authenticator = $1', [
    authenticator,
  ]);

async function asked(options: DecisionOptions = { quorum: 2 }): Promise<string> {
  const decision = await house.decision(options);
  await strict.register(decision.run, gateOf([decision]));
  return decision.id;
}
const vote = (approvalId: string, principal: string, authenticator: string, more: Partial<Ballot> = {}) =>
  strict.vote({ approvalId, principal, verdict: 'approve', channel: 'web', authenticator, ...more });
const stored = async (id: string): Promise<string[]> => {
  const { rows } = await house.database.pool.query<{ vote: string }>(
    `select concat_ws(' ', principal, verdict, seat, authenticator) as vote from votes where approval_id = $1 order by 1`,
    [id],
  );
  return rows.map((row) => row.vote);
};
const state = async (id: string): Promise<string> => (await stateOf(house, id)).state;

test('whoever replaced the factor that they voted by votes again, and the request ends by the same two people', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  assert.match((await vote(id, 'approver-a', 'passkey:a2')).message, /Your vote counts\. 1 of 2/);
  assert.deepEqual(await stored(id), ['approver-a approve approver-a passkey:a2']);
  assert.equal((await vote(id, 'approver-b', 'passkey:b')).state, 'approved');
});

test('a vote under a factor that is gone decides nothing until it is given again', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  assert.equal((await vote(id, 'approver-b', 'passkey:b')).state, 'pending');
  await have('approver-a', 'passkey:a2');
  assert.equal((await vote(id, 'approver-a', 'passkey:a2')).state, 'approved');
});

test('nobody fills two seats by changing factors, however often', async () => {
  const id = await asked();
  for (const authenticator of ['passkey:a', 'passkey:a2', 'passkey:a3', 'passkey:a4']) {
    if (authenticator !== 'passkey:a') await have('approver-a', authenticator);
    assert.equal((await vote(id, 'approver-a', authenticator)).state, 'pending');
    await lose(authenticator);
  }
  assert.equal((await stored(id)).length, 1);
  assert.equal(await state(id), 'pending');
});

test('a vote whose factor is still there is not given again, nor changed, with another one', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await have('approver-a', 'passkey:a2');
  await vote(id, 'approver-a', 'passkey:a2');
  await assert.rejects(vote(id, 'approver-a', 'passkey:a2', { verdict: 'reject' }), {
    code: 'GH-APPROVAL-007',
  });
  assert.deepEqual(await stored(id), ['approver-a approve approver-a passkey:a']);
});

test('the factor that is gone confirms nothing any more', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await assert.rejects(vote(id, 'approver-a', 'passkey:a'), { code: 'GH-APPROVAL-061' });
  await assert.rejects(vote(id, 'approver-a', ''), { code: 'GH-APPROVAL-061' });
});

test('somebody else’s factor does not stand in for the lost one', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await assert.rejects(vote(id, 'approver-a', 'passkey:b'), { code: 'GH-APPROVAL-061' });
  assert.deepEqual(await stored(id), ['approver-a approve approver-a passkey:a']);
});

test('a new factor that has to wait does not vote again yet', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  await house.database.pool.query(
    `update factors set votes_from = now() + interval '1 h' where authenticator = 'passkey:a2'`,
  );
  await assert.rejects(vote(id, 'approver-a', 'passkey:a2'), { code: 'GH-APPROVAL-061' });
});

test('a lost vote may become a rejection', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  assert.equal((await vote(id, 'approver-a', 'passkey:a2', { verdict: 'reject' })).state, 'rejected');
});

test('who stands in takes the seat of a lost vote, and whoever lost it finds it taken', async () => {
  const stand = person('stand-in', 'Stan Standin');
  await house.setPeople({
    people: [...everybody, stand],
    standIns: [{ for: 'approver-a', by: 'stand-in', from: '2020-01-01', until: '2099-01-01' }],
  });
  await house.database.pool.query('update identity_links set votes_from = since where votes_from > since');
  await have('stand-in', 'passkey:s');
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  assert.match((await vote(id, 'stand-in', 'passkey:s')).message, /1 of 2/);
  await assert.rejects(vote(id, 'approver-a', 'passkey:a2'), { code: 'GH-APPROVAL-044' });
  assert.equal(await state(id), 'pending');
});

test('one who stands in for two fills one of their seats, before and after', async () => {
  const stand = person('stand-in', 'Stan Standin');
  const away = (principal: string) => ({
    for: principal,
    by: 'stand-in',
    from: '2020-01-01',
    until: '2099-01-01',
  });
  await house.setPeople({
    people: [...everybody, stand],
    standIns: [away('approver-a'), away('approver-b')],
  });
  await house.database.pool.query('update identity_links set votes_from = since where votes_from > since');
  await have('stand-in', 'passkey:s');
  const id = await asked();
  await vote(id, 'stand-in', 'passkey:s');
  await lose('passkey:s');
  await have('stand-in', 'passkey:s2');
  assert.equal((await vote(id, 'stand-in', 'passkey:s2')).state, 'pending');
  assert.equal((await stored(id)).length, 1);
});

test('an authenticator that went to somebody else gives no second vote besides the one that it gave', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-b', 'passkey:a');
  await assert.rejects(vote(id, 'approver-b', 'passkey:a'), { code: 'GH-APPROVAL-043' });
});

test('the requester gains no vote by it, nor does somebody who left', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  await have('requester', 'passkey:r');
  await assert.rejects(vote(id, 'requester', 'passkey:r'), { code: 'GH-APPROVAL-003' });
  await house.setPeople({
    people: everybody.map((one) => (one.principal === 'approver-a' ? { ...one, groups: [] } : one)),
  });
  await assert.rejects(vote(id, 'approver-a', 'passkey:a2'), { code: 'GH-APPROVAL-005' });
});

test('two new factors at once give one vote', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  await have('approver-a', 'passkey:a3');
  await Promise.all(['passkey:a2', 'passkey:a3'].map((key) => vote(id, 'approver-a', key)));
  assert.equal((await stored(id)).length, 1);
  assert.equal(await state(id), 'pending');
});

test('the receipts keep both votes, and the second says which one it replaces', async () => {
  const id = await asked();
  await vote(id, 'approver-a', 'passkey:a');
  await lose('passkey:a');
  await have('approver-a', 'passkey:a2');
  await vote(id, 'approver-a', 'passkey:a2');
  const { rows } = await house.database.pool.query<{ facts: Record<string, unknown> }>(
    `select facts from receipts where decision_id = $1 and kind = 'approval.vote' order by id`,
    [id],
  );
  assert.equal(rows.length, 2);
  assert.equal(rows[0]?.facts.replaces, undefined);
  assert.match(String(rows[1]?.facts.replaces), /^\d{4}-\d\d-\d\dT/);
  assert.notEqual(rows[0]?.facts.authenticator, rows[1]?.facts.authenticator);
  const told = house.seen.replies.filter((reply) => reply.id.startsWith(`${id}:vote:approver-a`));
  assert.equal(new Set(told.map((reply) => reply.id)).size, 2, 'the requester reads of both');
});

test('pages and lists offer the request to whoever has to vote again, and to nobody who need not', async () => {
  const id = await asked();
  const wish: InboxWish = { list: 'needed', group: 'none' };
  const offered = async () => ({
    page: (await strict.card(id, 'approver-a')).mayApprove,
    pending: (await strict.pendingFor('approver-a')).some((card) => card.id === id),
    inbox: (await strict.inbox('approver-a', wish)).groups.some(({ items }) => items[0].card.id === id),
  });
  await vote(id, 'approver-a', 'passkey:a');
  assert.deepEqual(await offered(), { page: false, pending: false, inbox: false });
  assert.equal((await strict.card(id, 'approver-a')).whyNot, 'You have voted.');
  await lose('passkey:a');
  assert.deepEqual(await offered(), { page: true, pending: true, inbox: true });
  await have('approver-a', 'passkey:a2');
  await vote(id, 'approver-a', 'passkey:a2');
  assert.deepEqual(await offered(), { page: false, pending: false, inbox: false });
});
