import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { gateOf, openHouse, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.unreachable.clear();
  Object.assign(house.policy, { effect: 'approve', quorum: 1 });
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision;
}

const ask = (approvalId: string, question = 'Which invoice is it?', principal = 'approver-a') =>
  house.approvals.askBack({ approvalId, principal, channel: 'web', question });
const firstQuestion = async (id: string) => (await house.approvals.card(id)).questions[0];
async function answer(approvalId: string, text = 'The one of May.', principal = 'requester') {
  const question = await firstQuestion(approvalId);
  const questionId = question?.id ?? 'none';
  return house.approvals.answer({ approvalId, questionId, principal, channel: 'web', answer: text });
}

test('a question goes to the requester with a link, and its answer to every copy of the card', async () => {
  const { id } = await asked();
  await ask(id);
  const told = house.seen.notices.at(-1);
  assert.equal(told?.principal, 'requester');
  assert.match(told?.text ?? '', /Alex Approver asks about 120\.00 EUR:\n“Which invoice is it\?”/);
  assert.equal(told?.link, `https://gate.example.com/approvals/${id}#questions`);
  assert.equal((await house.approvals.card(id, 'requester')).mayAnswer, true);
  house.seen.notices.length = 0;

  await answer(id);
  const question = await firstQuestion(id);
  assert.deepEqual(
    [question?.by, question?.question, question?.answer],
    ['Alex Approver', 'Which invoice is it?', 'The one of May.'],
  );
  assert.ok(question?.answeredAt);
  for (const approver of ['approver-a', 'approver-b']) {
    const card = house.seen.notices.find((notice) => notice.card === `${id}:${approver}`);
    assert.match(
      card?.text ?? '',
      /asked: “Which invoice is it\?”\nRobin Requester answered: “The one of May\.”/,
    );
    assert.equal(card?.buttons.length, 2);
  }
  assert.match(house.seen.replies.at(-1)?.text ?? '', /The one of May/);
  const voted = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-b',
    verdict: 'approve',
    channel: 'web',
  });
  assert.equal(voted.state, 'approved');
});

test('receipts prove what was asked and answered without holding it', async () => {
  const { id } = await asked();
  await ask(id);
  await answer(id);
  const { rows } = await house.database.pool.query<{ kind: string; facts: Record<string, string> }>(
    `select kind, facts from receipts where decision_id = $1 and kind in ('approval.question', 'approval.answer')
     order by arrival`,
    [id],
  );
  assert.deepEqual(
    rows.map(({ kind, facts }) => [kind, facts.by]),
    [
      ['approval.question', 'approver-a'],
      ['approval.answer', 'requester'],
    ],
  );
  assert.ok(rows.every(({ facts }) => /^sha256:[0-9a-f]{64}$/.test(facts.text ?? '')));
  assert.doesNotMatch(JSON.stringify(rows), /invoice|May/);
});

test('only who decides asks, and only the requester answers, once', async () => {
  const { id } = await asked();
  await assert.rejects(ask(id, 'Why?', 'stranger'), { code: 'GH-APPROVAL-029' });
  await assert.rejects(ask(id, 'Why?', 'requester'), { code: 'GH-APPROVAL-029' });
  await assert.rejects(ask(id, '   '), { code: 'GH-APPROVAL-033' });
  await ask(id);
  await assert.rejects(answer(id, 'Sure.', 'approver-a'), { code: 'GH-APPROVAL-001' });
  await answer(id);
  await assert.rejects(answer(id, 'No, another one.'), { code: 'GH-APPROVAL-032' });
  const other = await asked();
  const question = await firstQuestion(id);
  await assert.rejects(
    house.approvals.answer({
      approvalId: other.id,
      questionId: question?.id ?? '',
      principal: 'requester',
      channel: 'web',
      answer: 'x',
    }),
    { code: 'GH-APPROVAL-032' },
  );
});

test('open questions are few, a decided request takes none, and an automation cannot be asked', async () => {
  const { id } = await asked();
  for (let turn = 0; turn < 3; turn += 1) await ask(id, `Question ${turn}?`);
  await assert.rejects(ask(id, 'One more?'), { code: 'GH-APPROVAL-031' });
  await house.approvals.cancel(id, 'requester');
  await assert.rejects(ask(id), { code: 'GH-APPROVAL-004' });
  await assert.rejects(answer(id), { code: 'GH-APPROVAL-004' });
  const automatic = await asked();
  await house.database.pool.query(`update approvals set requester = 'automation:x' where id = $1`, [
    automatic.id,
  ]);
  await assert.rejects(ask(automatic.id), { code: 'GH-APPROVAL-030' });
});

test('a requester without a channel of their own is asked where they wrote', async () => {
  const { id } = await asked();
  house.unreachable.add('requester');
  await ask(id);
  assert.match(house.seen.replies.at(-1)?.text ?? '', /Which invoice is it/);
});

test('what is asked and answered stays with the request when it is changed', async () => {
  const { id, digest } = await asked();
  await ask(id);
  const { approvalId } = await house.approvals.edit({
    approvalId: id,
    principal: 'approver-b',
    args: { amount: '99.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
    channel: 'web',
    shownDigest: digest,
  });
  await answer(id);
  assert.equal((await firstQuestion(approvalId))?.answer, 'The one of May.');
  assert.ok(house.seen.notices.some((notice) => notice.card === `${approvalId}:approver-a`));
});

test('what cannot be seen in a question or an answer is shown', async () => {
  const { id } = await asked();
  await ask(id, 'Pay \u202eEMCA?');
  assert.match(house.seen.notices.at(-1)?.text ?? '', /\\u\{202e\}/);
  await answer(id, 'line one\nline\u200b two');
  assert.equal((await firstQuestion(id))?.answer, 'line one\nline\\u{200b} two');
});
