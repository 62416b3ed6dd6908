import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  noticeCard,
  reminderCard,
  settle,
  settleAll,
  settledSignal,
  type Ending,
} from '../../../gateway/approvals/settle.ts';
import { findApprovals, type ApprovalRow } from '../../../gateway/approvals/store.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { gateOf, openHouse, stateOf, until, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.policy.refusal = null;
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  for (const list of Object.values(house.seen)) list.length = 0;
  return decision;
}

const rowOf = async (id: string): Promise<ApprovalRow> => {
  const [row] = await findApprovals(house.database.pool, 'a.id = $1', [id]);
  assert.ok(row);
  return row;
};
const end = (rows: readonly ApprovalRow[], ending: Ending) =>
  transaction(house.database.pool, (tx) => settleAll(house.deps, tx, rows, ending));
const endOne = async (id: string, ending: Ending) => {
  const row = await rowOf(id);
  return transaction(house.database.pool, (tx) => settle(house.deps, tx, row, ending));
};
const outcomes = async (id: string) =>
  (
    await house.database.pool.query<{ facts: object }>(
      `select facts from receipts where decision_id = $1 and kind = 'approval.outcome'`,
      [id],
    )
  ).rows.map(({ facts }) => facts);
const grants = async (ids: readonly string[]) =>
  (
    await house.database.pool.query<{ id: string }>(
      'select decision_id as id from grants where decision_id = any($1) order by 1',
      [ids],
    )
  ).rows.map(({ id }) => id);

test('an end is kept with its reason and its receipt, and wakes whoever brings it to the run', async () => {
  const { id, digest } = await asked({ quorum: 2 });
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  const heard: string[] = [];
  const stop = house.deps.signals.on(settledSignal, (payload) => heard.push(payload));
  try {
    await house.database.pool.query(
      `update approvals set next_attempt_at = now() + interval '1 h' where id = $1`,
      [id],
    );
    const settled = await endOne(id, { state: 'cancelled', reason: 'It is not needed.' });
    assert.deepEqual([settled?.id, settled?.state], [id, 'cancelled']);
    await until(() => heard.includes(id));
  } finally {
    stop();
  }
  const { state, reason, decidedAt, deliveredAt } = await rowOf(id);
  assert.deepEqual([state, reason, deliveredAt], ['cancelled', 'It is not needed.', null]);
  assert.ok(decidedAt);
  const { rows: due } = await house.database.pool.query(
    'select from approvals where id = $1 and next_attempt_at <= now()',
    [id],
  );
  assert.equal(due.length, 1, 'its run is told at once');
  assert.deepEqual(await outcomes(id), [{ state: 'cancelled', digest, by: ['approve:approver-a'] }]);
});

test('what ended stays as it is, and nobody is told twice', async () => {
  const { id } = await asked();
  await endOne(id, { state: 'rejected' });
  const told = house.seen.notices.length + house.seen.replies.length;
  assert.equal(await endOne(id, { state: 'expired' }), null);
  assert.equal((await stateOf(house, id)).state, 'rejected');
  assert.equal((await outcomes(id)).length, 1);
  assert.equal(house.seen.notices.length + house.seen.replies.length, told);
});

test('attack: an approval that was read before it ended otherwise is not approved, and leaves no grant', async () => {
  const { id } = await asked();
  const before = await rowOf(id);
  await endOne(id, { state: 'rejected' });
  await assert.rejects(end([before], { state: 'approved' }), /settled without its lock/);
  assert.deepEqual(await grants([id]), []);
  assert.equal((await stateOf(house, id)).state, 'rejected');
  assert.equal((await outcomes(id)).length, 1);
});

test('only what was settled before can turn out not to have arrived', async () => {
  const open = await asked();
  const approved = await asked();
  await endOne(approved.id, { state: 'approved' });
  const decided = (await rowOf(approved.id)).decidedAt;
  const rows = [await rowOf(open.id), await rowOf(approved.id)];
  const lost = await end(rows, { state: 'undeliverable', from: 'settled' });
  assert.deepEqual(
    lost.map((row) => row.id),
    [approved.id],
  );
  assert.equal((await stateOf(house, open.id)).state, 'pending');
  const row = await rowOf(approved.id);
  assert.equal(row.state, 'undeliverable');
  assert.deepEqual(row.decidedAt, decided, 'the moment of the decision stays');
  assert.deepEqual(house.seen.grants, [approved.id], 'and nothing is granted anew');
});

test('of several approvals each gets its grant, or none where one may not have it', async () => {
  const before = await asked();
  await endOne(before.id, { state: 'approved' });
  const both = [await asked(), await asked()];
  const ids = both.map(({ id }) => id).sort();
  const rows = await Promise.all(ids.map(rowOf));
  const issueGrant: typeof house.deps.policy.issueGrant = (tx, id) => {
    if (id === ids[1]) house.policy.refusal = new Error('The rules changed.');
    return house.deps.policy.issueGrant(tx, id);
  };
  const deps = { ...house.deps, policy: { ...house.deps.policy, issueGrant } };
  await transaction(house.database.pool, async (tx) => {
    // Whoever asked for it goes on in the same transaction.
    await assert.rejects(settleAll(deps, tx, rows, { state: 'approved' }), /The rules changed/);
  });
  assert.deepEqual(await grants(ids), []);
  assert.deepEqual(await grants([before.id]), [before.id], 'what was granted before is not taken back');
  for (const id of ids) assert.equal((await stateOf(house, id)).state, 'pending');
  house.policy.refusal = null;
  await end(rows, { state: 'approved' });
  assert.deepEqual(await grants(ids), ids);
});

test('no other end than an approval grants anything', async () => {
  for (const state of ['rejected', 'expired', 'cancelled', 'superseded', 'undeliverable'] as const) {
    const { id } = await asked();
    await endOne(id, { state });
    assert.deepEqual(await grants([id]), []);
  }
});

for (const [ending, text, tone, final] of [
  [{ state: 'approved' }, /^120\.00 EUR: It was approved.* It is being carried out\.$/, 'waiting', false],
  [
    { state: 'expired' },
    /^120\.00 EUR: It was closed because its deadline passed,.* UTC\.$/,
    'expired',
    false,
  ],
  [{ state: 'cancelled', reason: 'You did.' }, /cancelled.* You did\.$/, 'cancelled', false],
  [{ state: 'cancelled', runOver: true }, /cancelled.* Nothing was done\.$/, 'cancelled', true],
] as const) {
  test(`the requester reads how it ended (${JSON.stringify(ending)})`, async () => {
    const { id, run } = await asked();
    await endOne(id, ending);
    const [told, ...others] = house.seen.replies;
    assert.deepEqual(others, []);
    assert.deepEqual(
      [told?.messageId, told?.id, told?.tone, told?.final],
      [run.messageId, `${id}:${ending.state}`, tone, final],
    );
    assert.match(told?.text ?? '', text);
    assert.deepEqual(house.seen.done, final ? [run.runId] : []);
    assert.equal((await stateOf(house, id)).delivered, final, 'with the run over, nobody is left to tell');
  });
}

test('how it ended is shown on every copy: of those who were asked, and on their reminders', async () => {
  const { id } = await asked();
  await house.database.pool.query(
    `update approvals set asked = '{approver-a,approver-b}', reminded = '{1:approver-a,2:automation:x}' where id = $1`,
    [id],
  );
  await endOne(id, { state: 'rejected' });
  assert.deepEqual(
    house.seen.notices.map(({ principal, id: notice, card }) => [principal, notice, card]),
    [
      ['approver-a', `${id}:rejected:approver-a`, `${id}:approver-a`],
      ['approver-b', `${id}:rejected:approver-b`, `${id}:approver-b`],
      ['approver-a', `${id}:step:1:approver-a:rejected`, `${id}:step:1:approver-a`],
    ],
    'whom no account reaches, nobody tells',
  );
  assert.deepEqual([noticeCard('a', 'b'), reminderCard('a', '2:b:c')], ['a:b', 'a:step:2:b:c']);
  for (const { text, tone, buttons } of house.seen.notices) {
    assert.match(text, /ACME.*\.\nIt was rejected/);
    assert.deepEqual([tone, buttons], ['refused', []]);
  }
});

test('a reminder is closed for the very person, whatever their name holds', async () => {
  const { id } = await asked();
  const told: string[] = [];
  const notifyAll: typeof house.deps.delivery.notifyAll = async (_tx, notices) =>
    notices.map(({ principal, card }) => told.push(`${principal} on ${card}`));
  const deps = { ...house.deps, delivery: { ...house.deps.delivery, notifyAll } };
  await house.database.pool.query(`update approvals set asked = '{}', reminded = '{2:a:b}' where id = $1`, [
    id,
  ]);
  const row = await rowOf(id);
  await transaction(house.database.pool, (tx) => settle(deps, tx, row, { state: 'rejected' }));
  assert.deepEqual(told, [`a:b on ${id}:step:2:a:b`]);
});

test('with the request, its open questions are closed, and the answered ones are left alone', async () => {
  const { id } = await asked();
  const ask = (question: string) =>
    house.approvals.askBack({ approvalId: id, principal: 'approver-a', channel: 'web', question });
  await ask('Which invoice?');
  const [answered] = (await house.approvals.card(id)).questions;
  const questionId = answered?.id ?? '';
  await house.approvals.answer({
    approvalId: id,
    questionId,
    principal: 'requester',
    channel: 'web',
    answer: 'May.',
  });
  await ask('Which account?');
  const open = (await house.approvals.card(id)).questions[1]?.id ?? '';
  house.seen.notices.length = 0;
  await endOne(id, { state: 'expired' });
  assert.deepEqual(
    house.seen.notices
      .filter(({ principal }) => principal === 'requester')
      .map(({ id: notice, card, text, tone }) => [notice, card, text, tone]),
    [
      [
        `${open}:closed`,
        open,
        'The request was closed because its deadline passed; no answer is needed any more.',
        'answered',
      ],
    ],
  );
});

test('where an edition follows, it speaks for both: the requester is told nothing and asked on', async () => {
  const { id } = await asked();
  const next = await house.decision();
  await house.approvals.askBack({
    approvalId: id,
    principal: 'approver-a',
    channel: 'web',
    question: 'Why?',
  });
  for (const list of Object.values(house.seen)) list.length = 0;
  await endOne(id, { state: 'superseded', reason: 'Alex changed it.', replacedBy: next.id });
  assert.deepEqual(house.seen.replies, []);
  assert.deepEqual(
    house.seen.notices.map(({ principal, tone }) => [principal, tone]),
    [
      ['approver-a', 'cancelled'],
      ['approver-b', 'cancelled'],
    ],
  );
  assert.deepEqual(await stateOf(house, id), { state: 'superseded', delivered: true });
  const [receipt] = await outcomes(id);
  assert.equal((receipt as { replacedBy?: string }).replacedBy, next.id);
});
