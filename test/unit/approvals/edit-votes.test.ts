import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { args, asNew, editing } from './edits.ts';
import { everybody, openHouse, person, slack, stateOf, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => asNew(house));
const { asked, edit, rows, vote } = editing(() => house);

test('who edited a payment has no vote on it, over any way of voting', async () => {
  const first = await asked();
  const { approvalId } = await edit(first, { payee: 'Other GmbH' });
  await assert.rejects(vote(approvalId, 'approver-a'), { code: 'GH-APPROVAL-020' });
  const card = await house.approvals.card(approvalId, 'approver-a');
  assert.equal(card.mayVote, false);
  assert.match(card.whyNot ?? '', /You changed this request/);
  assert.ok(!card.approvers.some(({ principal }) => principal === 'approver-a'));
  const shown = card.binding.slice(7, 15);
  const click = await house.approvals.click({
    id: 'c',
    value: `approve:${approvalId}:${shown}`,
    principal: 'approver-a',
    channel: 'slack',
    messageId: 'm',
  });
  assert.equal(click?.tone, 'refused');
  assert.deepEqual(house.seen.grants, []);
  assert.equal((await vote(approvalId, 'approver-b')).state, 'approved');
  assert.deepEqual(house.seen.grants, [approvalId]);
});

test('an editor stays without a vote when somebody else edits after them', async () => {
  await house.setPeople({ people: [...everybody, person('approver-c', 'Chris Approver', ['approvers'])] });
  try {
    const first = await asked();
    const second = await edit(first, { payee: 'Mine Ltd' });
    const shown = (await house.approvals.card(second.approvalId)).digest;
    const last = await edit(
      { id: second.approvalId, digest: shown },
      { payee: 'Mine Ltd', reference: 'invoice-43' },
      'approver-b',
    );
    for (const editor of ['approver-a', 'approver-b'])
      await assert.rejects(vote(last.approvalId, editor), { code: 'GH-APPROVAL-020' });
    await assert.rejects(vote(last.approvalId, 'requester'), { code: 'GH-APPROVAL-003' });
    assert.equal((await vote(last.approvalId, 'approver-c')).state, 'approved');
  } finally {
    await house.setPeople({ people: everybody });
  }
});

test('an edit that would leave too few people is refused, and the request stays', async () => {
  const first = await asked({ quorum: 2 });
  house.policy.quorum = 2;
  await assert.rejects(edit(first, { amount: '5000.00' }), { code: 'GH-APPROVAL-026' });
  assert.equal((await stateOf(house, first.id)).state, 'pending');
  const left = await rows(`select 1 from decisions where message_id = $1`, first.run.messageId);
  assert.equal(left.length, 1, 'its decision is not kept either');
  house.unreachable.add('approver-b');
  house.policy.quorum = 1;
  await assert.rejects(edit(first, { amount: '50.00' }), { code: 'GH-APPROVAL-026' });
  assert.equal((await stateOf(house, first.id)).state, 'pending');
});

test('where one pair of eyes is enough, the editor may approve what they corrected', async () => {
  const lenient = house.another({ classOf: () => ({ fourEyes: false, escalate: [], remindAt: [] }) });
  const first = await asked({
    tool: 'http.request',
    args: { method: 'GET', url: 'https://a.example.com/' },
  });
  const ballot = { principal: 'approver-a', channel: 'web' };
  const { approvalId } = await lenient.edit({
    ...ballot,
    approvalId: first.id,
    args: { method: 'GET', url: 'https://b.example.com/' },
    shownDigest: first.digest,
  });
  assert.equal((await lenient.vote({ ...ballot, approvalId, verdict: 'approve' })).state, 'approved');
});

test('an account that is not linked, or lately, changes nothing, asks nothing and answers nothing', async () => {
  const first = await asked();
  const change = { approvalId: first.id, args: { ...args, amount: '1.00' }, shownDigest: first.digest };
  const foreign = { principal: 'approver-a', channel: 'slack', identity: slack('stranger') };
  const unnamed = { principal: 'requester', channel: 'slack' };
  for (const actor of [foreign, unnamed]) {
    await assert.rejects(house.approvals.edit({ ...actor, ...change }), { code: 'GH-APPROVAL-041' });
    const asking = house.approvals.askBack({ ...actor, approvalId: first.id, question: 'Why?' });
    await assert.rejects(asking, { code: 'GH-APPROVAL-041' });
  }
  const answering = { ...unnamed, approvalId: first.id, questionId: 'q', answer: 'Because.' };
  await assert.rejects(house.approvals.answer(answering), { code: 'GH-APPROVAL-041' });
  const web = (principal: string) => ({ ...change, principal, channel: 'web' });
  await house.database.pool.query(
    `update identity_links set votes_from = now() + interval '1 h' where channel = 'web' and principal = 'requester'`,
  );
  await assert.rejects(house.approvals.edit(web('requester')), { code: 'GH-APPROVAL-042' });
  await house.database.pool.query('update identity_links set votes_from = since');
  assert.equal((await stateOf(house, first.id)).state, 'pending');
});

test('who stands in for the editor has no vote either', async () => {
  const today = new Date().toISOString().slice(0, 10);
  const people = [...everybody, person('deputy', 'Dana Deputy')];
  await house.setPeople({
    people,
    standIns: [{ for: 'approver-a', by: 'deputy', from: today, until: today }],
  });
  try {
    const first = await asked();
    const { approvalId } = await edit(first, { amount: '110.00' });
    await assert.rejects(vote(approvalId, 'deputy'), { code: 'GH-APPROVAL-005' });
    assert.equal((await vote(approvalId, 'approver-b')).state, 'approved');
  } finally {
    await house.setPeople({ people: everybody });
  }
});

test('votes given before an edit do not count for what came after it', async () => {
  const first = await asked({ quorum: 2 });
  const shown = (await house.approvals.card(first.id, 'approver-a')).binding.slice(7, 15);
  await vote(first.id, 'approver-a');
  house.policy.quorum = 2;
  const { approvalId } = await edit(first, { payee: 'Evil Corp' }, 'requester');
  assert.equal((await vote(approvalId, 'approver-b')).state, 'pending');
  assert.deepEqual(house.seen.grants, []);
  // The earlier card is shown to nobody any more, and its button resolves nothing.
  const stale = await house.approvals.click({
    id: 'c',
    value: `approve:${first.id}:${shown}`,
    principal: 'approver-b',
    channel: 'slack',
    identity: slack('approver-b'),
    messageId: 'm',
  });
  assert.equal(stale?.tone, 'refused');
  const swapped = await house.approvals.click({
    id: 'c',
    value: `approve:${approvalId}:${shown}`,
    principal: 'approver-a',
    channel: 'slack',
    identity: slack('approver-a'),
    messageId: 'm',
  });
  assert.match(swapped?.text ?? '', /not what this request is about/);
  assert.equal((await vote(approvalId, 'approver-a')).state, 'approved');
});

test('strangers, and a form that shows another call, change nothing', async () => {
  const first = await asked();
  await assert.rejects(edit(first, { amount: '1.00' }, 'stranger'), { code: 'GH-APPROVAL-022' });
  await assert.rejects(edit({ id: first.id, digest: `sha256:${'0'.repeat(64)}` }, { amount: '1.00' }), {
    code: 'GH-APPROVAL-006',
  });
  await assert.rejects(edit(first, {}), { code: 'GH-APPROVAL-024' });
  await assert.rejects(edit(first, { amount: 'a lot' }), { code: 'GH-APPROVAL-023', field: 'amount' });
  await assert.rejects(edit(first, { iban: 'DE00' }), { code: 'GH-APPROVAL-023' });
  await assert.rejects(edit({ id: 'dec_none', digest: first.digest }, {}), { code: 'GH-APPROVAL-001' });
  assert.equal((await stateOf(house, first.id)).state, 'pending');
  await vote(first.id, 'approver-b');
  await assert.rejects(edit(first, { amount: '1.00' }), { code: 'GH-APPROVAL-004' });
});
