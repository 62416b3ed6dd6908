import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { onceEach, personalCards, readCards } from '../../../gateway/approvals/personal.ts';
import { everybody, gateOf, openHouse, person, slack, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(async () => {
  await house.setPeople({ people: everybody });
  await house.database.pool.query('update identity_links set votes_from = since');
});

/** Some calls of one gate. */
async function asked(count: number, options?: DecisionOptions): Promise<string[]> {
  const first = await house.decision(options);
  const all = [first];
  while (all.length < count) all.push(await house.decision({ ...options, run: first.run }));
  await house.approvals.register(first.run, gateOf(all));
  return all.map(({ id }) => id);
}

const shown = async (ids: string[], viewer: string) =>
  (
    await personalCards(house.deps, house.database.pool, await readCards(house.database.pool, ids), viewer)
  ).map(({ id, mayVote, mayApprove, whyNot }) => ({ id, mayVote, mayApprove, whyNot }));
const tooNew = (principal: string, channel = 'web') =>
  house.database.pool.query(
    `update identity_links set votes_from = clock_timestamp() + interval '1 h' where principal = $1 and channel = $2`,
    [principal, channel],
  );

test('cards come in the order in which they are named, with all that they hold, and none for what is not there', async () => {
  const [one = ''] = await asked(1);
  const together = await asked(3, { effect: 'confirm' });
  const { pool } = house.database;
  const cards = await readCards(pool, [together[0] ?? '', 'dec_none', one]);
  assert.deepEqual(
    cards.map((card) => card.map(({ id }) => id)),
    [together, [one]],
  );
  assert.deepEqual(await readCards(pool, []), []);
});

test('whoever may decide is told so, whoever may not is told why', async () => {
  const ids = await asked(1);
  const [id = ''] = ids;
  assert.deepEqual(await shown(ids, 'approver-a'), [{ id, mayVote: true, mayApprove: true, whyNot: null }]);
  for (const [viewer, why] of [
    ['requester', 'You asked for this, so your own vote does not count.'],
    ['stranger', 'You are not among the people who may decide this.'],
  ] as const)
    assert.deepEqual(await shown(ids, viewer), [{ id, mayVote: false, mayApprove: false, whyNot: why }]);
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'reject', channel: 'web' });
  assert.deepEqual(await shown(ids, 'approver-b'), [
    { id, mayVote: false, mayApprove: false, whyNot: 'This request was rejected.' },
  ]);
});

test('an account that may not vote yet offers nothing, on a card of one call and of several', async () => {
  await tooNew('approver-a');
  await tooNew('requester');
  const [alone = ''] = await asked(1);
  const together = await asked(2, { effect: 'confirm' });
  for (const [ids, viewer] of [
    [[alone], 'approver-a'],
    [together.slice(0, 1), 'requester'],
  ] as const) {
    const [card] = await shown([...ids], viewer);
    assert.deepEqual([card?.mayVote, card?.mayApprove], [false, false]);
    assert.match(card?.whyNot ?? '', /linked to you lately/);
  }
});

test('several calls are decided together, so one that may not be decided keeps all of them from it', async () => {
  const together = await asked(2, { effect: 'confirm' });
  const [id = '', second] = together;
  assert.deepEqual(await shown([id], 'requester'), [{ id, mayVote: true, mayApprove: true, whyNot: null }]);
  // The account of the requester has voted on one of them, for somebody else.
  await house.database.pool.query(
    `insert into votes (approval_id, principal, verdict, channel, shown_digest, seat, identity, voted_at)
     values ($1, 'approver-a', 'approve', 'web', 'other', 'approver-a', $2, now())`,
    [second, JSON.stringify({ channel: 'web', account: 'local', id: 'requester' })],
  );
  const [card] = await shown([id], 'requester');
  assert.deepEqual([card?.mayVote, card?.mayApprove], [false, false]);
  assert.match(card?.whyNot ?? '', /counts once/);
});

test('a seat that is taken leaves its holder the rejection alone', async () => {
  const today = new Date().toISOString().slice(0, 10);
  await house.setPeople({
    people: [...everybody, person('stand-in', 'Sky')],
    standIns: [{ for: 'approver-a', by: 'stand-in', from: today, until: today }],
  });
  await house.database.pool.query('update identity_links set votes_from = since');
  const [id = ''] = await asked(1, { quorum: 2 });
  await house.approvals.vote({ approvalId: id, principal: 'stand-in', verdict: 'approve', channel: 'web' });
  assert.deepEqual(await shown([id], 'approver-a'), [
    { id, mayVote: true, mayApprove: false, whyNot: 'The vote of Alex Approver is in already.' },
  ]);
  assert.deepEqual(await shown([id], 'approver-b'), [{ id, mayVote: true, mayApprove: true, whyNot: null }]);
});

test('who holds an account is looked up once, and accounts are told apart by all that names them', async () => {
  const looked: string[] = [];
  const people = onceEach({
    ...house.people,
    holder(db, identity) {
      looked.push(identity.id);
      return house.people.holder(db, identity);
    },
  });
  const { pool } = house.database;
  const one = await people.holder(pool, slack('approver-a'));
  assert.equal(one?.principal, 'approver-a');
  assert.equal(await people.holder(pool, slack('approver-a')), one);
  assert.equal((await people.holder(pool, slack('approver-b')))?.principal, 'approver-b');
  assert.equal(await people.holder(pool, { ...slack('approver-a'), account: 'T2' }), null);
  assert.equal(await people.holder(pool, { ...slack('approver-a'), channel: 'web' }), null);
  assert.deepEqual(looked, ['U-approver-a', 'U-approver-b', 'U-approver-a', 'U-approver-a']);
  assert.equal(people.get('approver-a')?.display, 'Alex Approver');
});
