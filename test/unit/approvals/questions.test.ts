import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { digestOfText } from '../../../gateway/envelope/index.ts';
import { gateOf, openHouse, slack, tokenFor, type DecisionOptions, type House } from './support.ts';

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

test('what is asked and answered is a message of its own, and no copy of it goes elsewhere', async () => {
  const { id, run } = await asked();
  for (const list of Object.values(house.seen)) list.length = 0;
  await ask(id);
  const question = (await firstQuestion(id))?.id;
  assert.deepEqual(
    house.seen.notices.map(({ id: notice, card, tone }) => [notice, card, tone]),
    [[`${question}:asked`, question, 'waiting']],
  );
  assert.deepEqual(house.seen.replies, [], 'who was reached is not asked where everybody reads');
  house.seen.notices.length = 0;
  await answer(id);
  assert.deepEqual(
    house.seen.notices.map(({ principal, id: notice, card, tone }) => [principal, notice, card, tone]),
    [
      ['requester', `${question}:answered`, question, 'answered'],
      ...['approver-a', 'approver-b'].map((approver) => [
        approver,
        `${id}:answer:${question}:${approver}`,
        `${id}:${approver}`,
        'waiting',
      ]),
    ],
  );
  assert.deepEqual(
    house.seen.replies.map(({ messageId, id: reply, final }) => [messageId, reply, final]),
    [[run.messageId, `${question}:answered`, false]],
  );
  const token = tokenFor(house.seen, 'approver-a', id);
  assert.equal((await house.approvals.voteByToken(id, token, 'approve')).state, 'approved');
});

test('a question where the requester wrote is no last word there', async () => {
  const { id, run } = await asked();
  house.unreachable.add('requester');
  house.seen.replies.length = 0;
  await ask(id);
  assert.deepEqual(
    house.seen.replies.map(({ messageId, id: reply, final }) => [messageId, reply, final]),
    [[run.messageId, `${(await firstQuestion(id))?.id}:asked`, false]],
  );
});

test('the receipts of both name the question and the digest of what was written', async () => {
  const { id, run } = await asked();
  await ask(id);
  await answer(id);
  const { rows } = await house.database.pool.query(
    `select message_id as message, facts from receipts
     where decision_id = $1 and kind in ('approval.question', 'approval.answer') order by arrival`,
    [id],
  );
  const question = (await firstQuestion(id))?.id;
  assert.deepEqual(rows, [
    {
      message: run.messageId,
      facts: { question, by: 'approver-a', text: digestOfText('Which invoice is it?') },
    },
    { message: run.messageId, facts: { question, by: 'requester', text: digestOfText('The one of May.') } },
  ]);
});

test('a text is kept without blanks around it and what Postgres cannot hold, up to 1000 characters', async () => {
  const { id } = await asked();
  await ask(id, ' a\0b\ud800 ');
  await answer(id, ` ${'x'.repeat(1000)} `);
  const question = await firstQuestion(id);
  assert.deepEqual([question?.question, question?.answer], ['ab\ufffd', 'x'.repeat(1000)]);
  for (const text of ['', '\0', 'x'.repeat(1001)]) {
    await assert.rejects(ask(id, text), { code: 'GH-APPROVAL-033', field: 'question' });
    await assert.rejects(answer(id, text), { code: 'GH-APPROVAL-033', field: 'answer' });
  }
});

test('a question counts towards the three only until it is answered', async () => {
  const { id } = await asked();
  await ask(id);
  await answer(id);
  for (let turn = 0; turn < 3; turn += 1) await ask(id);
  await assert.rejects(ask(id), { code: 'GH-APPROVAL-031' });
});

test('an account that speaks for nobody here neither asks nor answers', async () => {
  const { id } = await asked();
  await ask(id);
  const question = (await firstQuestion(id))?.id ?? '';
  const asking = { approvalId: id, principal: 'approver-a', channel: 'slack', question: 'Why?' };
  const answering = {
    approvalId: id,
    principal: 'requester',
    channel: 'slack',
    questionId: question,
    answer: 'So.',
  };
  const strange = { code: 'GH-APPROVAL-041' };
  await assert.rejects(house.approvals.askBack(asking), strange);
  await assert.rejects(house.approvals.askBack({ ...asking, identity: slack('approver-b') }), strange);
  await assert.rejects(house.approvals.answer(answering), strange);
  await assert.rejects(house.approvals.answer({ ...answering, identity: slack('approver-a') }), strange);
  assert.equal((await house.approvals.card(id)).questions.length, 1);
  await house.approvals.answer({ ...answering, identity: slack('requester') });
  assert.equal((await firstQuestion(id))?.answer, 'So.');
});

test('nothing is asked about what does not exist, is late, or waits for nobody any more', async () => {
  await assert.rejects(ask('dec_none'), { code: 'GH-APPROVAL-001' });
  await assert.rejects(answer((await asked()).id), { code: 'GH-APPROVAL-032' });
  await assert.rejects(
    house.approvals.answer({
      approvalId: 'dec_none',
      questionId: 'q',
      principal: 'requester',
      channel: 'web',
      answer: 'x',
    }),
    { code: 'GH-APPROVAL-001' },
  );
  for (const [change, code] of [
    [`deadline = now() - interval '1 s'`, 'GH-APPROVAL-010'],
    ['stale = true', 'GH-APPROVAL-008'],
    [`state = 'expired'`, 'GH-APPROVAL-004'],
  ] as const) {
    const { id } = await asked();
    await ask(id);
    await house.database.pool.query(`update approvals set ${change} where id = $1`, [id]);
    await assert.rejects(ask(id), { code });
    await assert.rejects(answer(id), { code });
  }
  const nobody = await asked();
  await house.database.pool.query('update approvals set requester = null where id = $1', [nobody.id]);
  await assert.rejects(ask(nobody.id), { code: 'GH-APPROVAL-030' });
});

test('an answer goes to those alone whose vote is still out, and to nobody once the requester only confirms', async () => {
  const { id, digest } = await asked({ quorum: 2 });
  await ask(id);
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  house.seen.notices.length = 0;
  await answer(id);
  const cards = () => house.seen.notices.filter((notice) => notice.id.includes(':answer:'));
  assert.deepEqual(
    cards().map(({ principal }) => principal),
    ['approver-b'],
  );
  const other = await asked();
  await ask(other.id);
  house.policy.effect = 'confirm';
  await house.approvals.edit({
    approvalId: other.id,
    principal: 'requester',
    args: { amount: '9.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
    channel: 'web',
    shownDigest: digest,
  });
  house.seen.notices.length = 0;
  await answer(other.id);
  assert.deepEqual(cards(), []);
  assert.equal(house.seen.notices.length, 1);
});
