import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ApprovalsDeps } from '../../../gateway/approvals/index.ts';
import type { Edit } from '../../../gateway/approvals/types.ts';
import type { Preview } from '../../../gateway/policy/index.ts';
import { gateOf, openHouse, stateOf, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
  Object.assign(house.policy, { refusal: null, effect: 'approve', quorum: 1 });
});

const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };

async function asked(options?: DecisionOptions) {
  const decision = await house.decision({ args, ...options });
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision;
}

const changeOf = (of: { id: string; digest: string }, change: object, principal = 'approver-a'): Edit => ({
  approvalId: of.id,
  principal,
  args: { ...args, ...change },
  channel: 'web',
  shownDigest: of.digest,
});
const edit = (of: { id: string; digest: string }, change: object, principal?: string) =>
  house.approvals.edit(changeOf(of, change, principal));
const vote = (approvalId: string, principal: string) =>
  house.approvals.vote({ approvalId, principal, verdict: 'approve', channel: 'web' });

const receiptOf = async (id: string) =>
  (
    await house.database.pool.query<{ facts: Record<string, unknown> }>(
      `select facts from receipts where decision_id = $1 and kind = 'approval.edited'`,
      [id],
    )
  ).rows[0]?.facts;

/** A gateway whose policy writes down what it was asked to decide. */
function listening() {
  const decided: { tool: string; args: unknown; step: string; mustConfirm: unknown }[] = [];
  const decideWithin: ApprovalsDeps['policy']['decideWithin'] = (tx, run, call, mustConfirm) => {
    decided.push({ ...call, mustConfirm });
    return house.deps.policy.decideWithin(tx, run, call, mustConfirm);
  };
  return { gateway: house.another({ policy: { ...house.deps.policy, decideWithin } }), decided };
}

test('policy decides each change as a call of its own, and one by others never passes unasked', async () => {
  const { gateway, decided } = listening();
  const first = await asked();
  const { approvalId } = await gateway.edit(changeOf(first, { amount: '100.00' }));
  const again = { id: approvalId, digest: (await gateway.card(approvalId)).digest };
  await gateway.edit(changeOf(again, { amount: '90.00' }, 'requester'));
  assert.deepEqual(
    decided.map(({ tool, args: asIs }) => [tool, asIs]),
    [
      ['ledger.transfer', { ...args, amount: '100.00' }],
      ['ledger.transfer', { ...args, amount: '90.00' }],
    ],
  );
  const [one, other] = decided;
  assert.deepEqual(one?.mustConfirm, {
    code: 'changed_by_other',
    text: 'Somebody else changed what you asked for.',
  });
  assert.equal(other?.mustConfirm, undefined);
  for (const { step } of decided) assert.match(step, /^edit:[0-9a-f-]{36}$/);
  assert.notEqual(one?.step, other?.step, 'no decision made before is found in its place');
});

test('the receipt of an edit says who, how, from what to what, and who has no vote on it', async () => {
  const first = await asked();
  const { approvalId, message } = await edit(first, { amount: '100.00' });
  const card = await house.approvals.card(approvalId);
  assert.deepEqual(await receiptOf(approvalId), {
    by: 'approver-a',
    channel: 'web',
    from: first.digest,
    digest: card.digest,
    binding: card.binding,
    effect: 'approve',
    groups: ['approvers'],
    quorum: 1,
    withoutVote: ['approver-a'],
    deadline: card.deadline,
  });
  assert.equal(message, 'The request was changed. The approvers are asked about it as it is now.');
  assert.equal((await house.approvals.card(first.id)).reason, 'Alex Approver changed it.');
});

test('what only the requester has to confirm goes to them, without approvers, whoever changed it', async () => {
  const first = await asked();
  house.policy.effect = 'confirm';
  const { approvalId, state, message } = await edit(first, { amount: '1.00' });
  assert.equal(state, 'pending');
  assert.equal(message, 'The request was changed. The requester is asked about it as it is now.');
  const facts = await receiptOf(approvalId);
  assert.deepEqual([facts?.effect, facts?.groups, facts?.withoutVote], ['confirm', [], []]);
  await assert.rejects(vote(approvalId, 'approver-b'), { code: 'GH-APPROVAL-005' });
  assert.equal((await vote(approvalId, 'requester')).state, 'approved');
});

test('what needs nobody as changed by its requester is carried out, and says so', async () => {
  const first = await asked();
  house.policy.effect = 'allow';
  const { approvalId, state, message } = await edit(first, { amount: '1.00' }, 'requester');
  assert.equal(state, 'approved');
  assert.equal(message, 'The request was changed. As it is now, it needs no approval and is carried out.');
  const card = await house.approvals.card(approvalId);
  assert.deepEqual([card.kind, card.reason], ['confirm', 'As changed, it needs no approval.']);
  assert.deepEqual(house.seen.grants, [approvalId]);
});

test('where a class asks for one pair of eyes and the amount for two, the editor is none of them', async () => {
  const lenient = house.another({ classOf: () => ({ fourEyes: false, escalate: [], remindAt: [] }) });
  const first = await asked();
  house.policy.quorum = 2;
  await assert.rejects(lenient.edit(changeOf(first, { amount: '5000.00' })), { code: 'GH-APPROVAL-026' });
  const { approvalId } = await lenient.edit(changeOf(first, { amount: '5000.00' }, 'requester'));
  assert.equal((await vote(approvalId, 'approver-a')).state, 'pending');
  assert.equal((await vote(approvalId, 'approver-b')).state, 'approved');
});

test('a tool whose class is not known needs four eyes', async () => {
  const unknown = house.another({ classOf: () => undefined });
  const first = await asked();
  const { approvalId } = await unknown.edit(changeOf(first, { amount: '100.00' }));
  assert.deepEqual((await receiptOf(approvalId))?.withoutVote, ['approver-a']);
  await assert.rejects(vote(approvalId, 'approver-a'), { code: 'GH-APPROVAL-020' });
});

test('a request that no person asked is not changed into one that only its requester could confirm', async () => {
  const first = await asked();
  for (const table of ['approvals set requester', 'decisions set principal'])
    await house.database.pool.query(`update ${table} = null where id = $1`, [first.id]);
  house.policy.effect = 'allow';
  const errors: unknown[][] = [];
  const log = { ...house.deps.log, warn: () => undefined, error: (...line: unknown[]) => errors.push(line) };
  const change = house.another({ log }).edit(changeOf(first, { amount: '1.00' }));
  await assert.rejects(change, { code: 'GH-APPROVAL-026' });
  assert.deepEqual(errors, [], 'it is refused before anybody is asked');
  assert.equal((await stateOf(house, first.id)).state, 'pending');
});

test('an earlier turn of a loop and a tool that is gone take no change', async () => {
  const first = await house.decision({ args });
  const second = await house.decision({ args, run: first.run });
  await house.approvals.register(first.run, gateOf([first], 'edit-loop'));
  await house.approvals.register(first.run, gateOf([second], 'edit-loop'));
  await assert.rejects(edit(first, { amount: '1.00' }), { code: 'GH-APPROVAL-008' });
  const without = house.another({ catalogue: { ...house.deps.catalogue, get: () => undefined } });
  await assert.rejects(without.edit(changeOf(second, { amount: '1.00' })), { code: 'GH-APPROVAL-021' });
  assert.equal((await stateOf(house, second.id)).state, 'pending');
});

test('each refused edit is in the log, with its code', async () => {
  const lines: unknown[][] = [];
  const log = { ...house.deps.log, warn: (...line: unknown[]) => lines.push(line) } as never;
  const first = await asked();
  await assert.rejects(house.another({ log }).edit(changeOf(first, {})));
  assert.deepEqual(lines, [
    [{ approval: first.id, principal: 'approver-a', code: 'GH-APPROVAL-024' }, 'an edit was refused'],
  ]);
});

test('what a change would do is looked up of the requester’s call, while the request is open', async () => {
  const looked: object[] = [];
  let state: Preview['state'] = 'shown';
  const seeing = house.another({
    preview: (call) => {
      looked.push(call);
      return Promise.resolve({ state, text: null, facts: [], at: new Date().toISOString() });
    },
  });
  const first = await asked();
  const change = changeOf(first, { amount: '100.00' });
  const { approvalId } = await seeing.edit(change);
  assert.deepEqual(looked, [
    {
      decisionId: first.id,
      messageId: first.run.messageId,
      principal: 'requester',
      tool: 'ledger.transfer',
      args: change.args,
    },
  ]);
  await assert.rejects(seeing.edit(change), { code: 'GH-APPROVAL-004' });
  const stranger = changeOf({ ...first, id: approvalId }, { amount: '9.00' }, 'stranger');
  await assert.rejects(seeing.edit(stranger), { code: 'GH-APPROVAL-022' });
  await assert.rejects(seeing.edit({ ...change, approvalId: 'dec_none' }), { code: 'GH-APPROVAL-001' });
  assert.equal(looked.length, 1, 'what cannot be changed is not looked up');

  // What nobody has to approve, nobody has to see.
  state = 'unavailable';
  house.policy.effect = 'allow';
  const second = await asked();
  assert.equal((await seeing.edit(changeOf(second, { amount: '1.00' }, 'requester'))).state, 'approved');
});

test('an edition asks the groups that policy names and those that were reached before, each once', async () => {
  const classOf = () => ({
    fourEyes: true,
    escalate: [
      { after: 0.5, groups: ['approvers'] },
      { after: 0.9, groups: ['board'] },
    ],
    remindAt: [0.25],
  });
  const later = house.another({ classOf });
  const first = await asked();
  for (const [done, next] of [
    [0, 0.25],
    [2, 0.9],
    [3, null],
  ] as const) {
    const decision = done === 0 ? first : await asked();
    await house.database.pool.query(`update approvals set steps_done = $2 where id = $1`, [
      decision.id,
      done,
    ]);
    const { approvalId } = await later.edit(changeOf(decision, { amount: `${done + 1}.00` }));
    const { rows } = await house.database.pool.query(
      `select groups, round(extract(epoch from next_step_at - created_at) / extract(epoch from deadline - created_at), 3)::float8 as next
       from approvals where id = $1`,
      [approvalId],
    );
    assert.deepEqual(rows, [{ groups: done === 3 ? ['approvers', 'board'] : ['approvers'], next }]);
  }
  house.policy.effect = 'confirm';
  const last = await asked();
  const { approvalId } = await later.edit(changeOf(last, { amount: '7.00' }));
  const { rows } = await house.database.pool.query(
    'select groups, next_step_at as next from approvals where id = $1',
    [approvalId],
  );
  assert.deepEqual(rows, [{ groups: [], next: null }], 'a confirmation is not escalated');
});
