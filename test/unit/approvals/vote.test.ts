import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { everybody, gateOf, openHouse, slack, stateOf, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.unreachable.clear();
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision;
}

const votes = async (id: string): Promise<number> =>
  (await house.database.pool.query('select 1 from votes where approval_id = $1', [id])).rowCount ?? 0;
const receipts = async (id: string, kind: string): Promise<number> =>
  (await house.database.pool.query('select 1 from receipts where decision_id = $1 and kind = $2', [id, kind]))
    .rowCount ?? 0;

test('one approval by a named approver grants the call, once, with receipts', async () => {
  const { id } = await asked();
  const result = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-a',
    verdict: 'approve',
    comment: 'ok',
    channel: 'web',
  });
  assert.equal(result.state, 'approved');
  assert.match(result.message, /approved by Alex Approver \(“ok”\)/);
  assert.deepEqual(house.seen.grants, [id]);
  assert.equal(await receipts(id, 'approval.requested'), 1);
  assert.equal(await receipts(id, 'approval.vote'), 1);
  assert.equal(await receipts(id, 'approval.outcome'), 1);
});

test("the requester's own vote is refused with the reason, even as a member of the group", async () => {
  const { id } = await asked();
  house.people.get('requester')?.groups.push('approvers');
  try {
    await assert.rejects(
      house.approvals.vote({ approvalId: id, principal: 'requester', verdict: 'approve', channel: 'web' }),
      { code: 'GH-APPROVAL-003', status: 403 },
    );
    const card = await house.approvals.card(id, 'requester');
    assert.equal(card.mayVote, false);
    assert.match(card.whyNot ?? '', /You asked for this/);
    assert.ok(!card.approvers.some((person) => person.principal === 'requester'));
  } finally {
    house.people.get('requester')?.groups.pop();
  }
  assert.equal(await votes(id), 0);
});

test('a person outside the named groups neither votes nor sees the request', async () => {
  const { id } = await asked();
  await assert.rejects(
    house.approvals.vote({ approvalId: id, principal: 'stranger', verdict: 'approve', channel: 'web' }),
    {
      code: 'GH-APPROVAL-005',
    },
  );
  await assert.rejects(house.approvals.card(id, 'stranger'), { code: 'GH-APPROVAL-001' });
  assert.equal(await votes(id), 0);
});

test('a quorum of two is two different people', async () => {
  const { id } = await asked({ quorum: 2 });
  const first = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-a',
    verdict: 'approve',
    channel: 'web',
  });
  assert.equal(first.state, 'pending');
  assert.match(first.message, /1 of 2/);
  const again = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-a',
    verdict: 'approve',
    channel: 'slack',
    identity: slack('approver-a'),
  });
  assert.equal(again.state, 'pending');
  assert.equal(await votes(id), 1);
  const second = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-b',
    verdict: 'approve',
    channel: 'web',
  });
  assert.equal(second.state, 'approved');
});

test('somebody who left the approvers after voting makes up neither the quorum nor the progress that people read', async () => {
  const { id } = await asked({ quorum: 2 });
  const by = (principal: string) =>
    house.approvals.vote({ approvalId: id, principal, verdict: 'approve', channel: 'web' });
  await by('approver-a');
  const left = everybody.map((one) => (one.principal === 'approver-a' ? { ...one, groups: [] } : one));
  await house.setPeople({ people: left });
  try {
    const second = await by('approver-b');
    assert.equal(second.state, 'pending');
    assert.equal(second.message, 'Your vote counts. 1 of 2 approvals: Blake Approver.');
    assert.match(house.seen.replies.at(-1)?.text ?? '', /1 of 2 approvals: Blake Approver\.$/);
  } finally {
    await house.setPeople({ people: everybody });
  }
});

test('who reads a decision later is told whose approval did not count', async () => {
  const { id } = await asked({ quorum: 2 });
  const by = (principal: string) =>
    house.approvals.vote({ approvalId: id, principal, verdict: 'approve', channel: 'web' });
  await by('approver-a');
  const joined = (principal: string): string[] => (principal === 'approver-a' ? [] : ['approvers']);
  const left = everybody.map((one) => ({ ...one, groups: joined(one.principal) }));
  await house.setPeople({ people: left });
  try {
    await by('approver-b');
    const last = await by('stranger');
    assert.equal(last.state, 'approved');
    assert.match(last.message, /approved by Blake Approver .* and Sam Stranger /);
    assert.doesNotMatch(last.message, /Alex/);
  } finally {
    await house.setPeople({ people: everybody });
  }
  const { votes: stored } = await house.approvals.card(id, 'stranger');
  assert.deepEqual(
    stored.map(({ principal, counted }) => [principal, counted]),
    [
      ['approver-a', false],
      ['approver-b', true],
      ['stranger', true],
    ],
  );
});

test('who votes again with an account that is not theirs any more hears that their vote counts no more', async () => {
  const { id } = await asked({ quorum: 2 });
  const by = (identity: ReturnType<typeof slack>, channel: string) =>
    house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel, identity });
  await by(slack('approver-a'), 'slack');
  await house.setPeople({
    people: everybody.map((one) =>
      one.principal === 'approver-a'
        ? { ...one, identities: [{ channel: 'web', account: 'local', id: 'approver-a' }] }
        : one,
    ),
  });
  try {
    const again = await by({ channel: 'web', account: 'local', id: 'approver-a' }, 'web');
    assert.equal(again.state, 'pending');
    assert.match(again.message, /^Your vote does not count any more: .*\. 0 of 2 approvals\.$/);
  } finally {
    await house.setPeople({ people: everybody });
  }
});

test('one rejection ends it, and a vote after that gets a readable refusal', async () => {
  const { id } = await asked({ quorum: 2 });
  const result = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-a',
    verdict: 'reject',
    comment: 'wrong payee',
    channel: 'web',
  });
  assert.equal(result.state, 'rejected');
  await assert.rejects(
    house.approvals.vote({ approvalId: id, principal: 'approver-b', verdict: 'approve', channel: 'web' }),
    { code: 'GH-APPROVAL-004', status: 409, message: 'This request was already rejected.' },
  );
  assert.deepEqual(house.seen.grants, []);
  assert.ok(
    house.seen.notices.some(
      (notice) => notice.principal === 'approver-b' && /rejected by Alex/.test(notice.text),
    ),
  );
});

test('a vote cannot be changed', async () => {
  const { id } = await asked({ quorum: 2 });
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  await assert.rejects(
    house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'reject', channel: 'web' }),
    {
      code: 'GH-APPROVAL-007',
    },
  );
});

test('the last two votes of a quorum at once approve it exactly once', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id } = await asked({ quorum: 2 });
    house.seen.grants.length = 0;
    await Promise.all(
      ['approver-a', 'approver-b'].map((principal) =>
        house.approvals.vote({ approvalId: id, principal, verdict: 'approve', channel: 'web' }),
      ),
    );
    assert.equal((await stateOf(house, id)).state, 'approved');
    assert.deepEqual(house.seen.grants, [id]);
  }
});

test('a vote for an approval that does not exist is a 404', async () => {
  await assert.rejects(
    house.approvals.vote({
      approvalId: 'dec_none',
      principal: 'approver-a',
      verdict: 'approve',
      channel: 'web',
    }),
    {
      code: 'GH-APPROVAL-001',
      status: 404,
    },
  );
});

test('a vote after the deadline is refused and leaves the outcome expired', async () => {
  const { id } = await asked();
  await house.database.pool.query(`update approvals set deadline = now() - interval '1 s' where id = $1`, [
    id,
  ]);
  await assert.rejects(
    house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' }),
    {
      code: 'GH-APPROVAL-010',
      status: 409,
    },
  );
  assert.equal((await stateOf(house, id)).state, 'expired');
  assert.equal(await receipts(id, 'approval.outcome'), 1);
  assert.deepEqual(house.seen.grants, []);
});

test('a confirmation is the requester’s alone', async () => {
  const { id } = await asked({ effect: 'confirm' });
  await assert.rejects(
    house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' }),
    {
      code: 'GH-APPROVAL-005',
    },
  );
  const result = await house.approvals.vote({
    approvalId: id,
    principal: 'requester',
    verdict: 'approve',
    channel: 'web',
  });
  assert.equal(result.state, 'approved');
});

test('the requester takes a request back; nobody else can', async () => {
  const { id } = await asked();
  await assert.rejects(house.approvals.cancel(id, 'approver-a'), { code: 'GH-APPROVAL-011' });
  await assert.rejects(house.approvals.cancel(id, 'stranger'), { code: 'GH-APPROVAL-001' });
  assert.equal((await house.approvals.cancel(id, 'requester')).state, 'cancelled');
  await assert.rejects(house.approvals.cancel(id, 'requester'), { code: 'GH-APPROVAL-004' });
});

test('receipts hold no comment and no argument value', async () => {
  const { id } = await asked({
    args: { amount: '1.00', currency: 'EUR', payee: 'CANARY-PAYEE', reference: 'r' },
  });
  await house.approvals.vote({
    approvalId: id,
    principal: 'approver-a',
    verdict: 'reject',
    comment: 'CANARY-COMMENT',
    channel: 'web',
  });
  const { rows } = await house.database.pool.query<{ facts: string }>(
    'select facts::text as facts from receipts where decision_id = $1',
    [id],
  );
  assert.equal(rows.length, 3);
  assert.ok(rows.every((row) => !row.facts.includes('CANARY')));
});

test('a comment that Postgres cannot store does not stop a vote', async () => {
  const { id } = await asked();
  const result = await house.approvals.vote({
    approvalId: id,
    principal: 'approver-a',
    verdict: 'approve',
    comment: 'a\0b\ud800',
    channel: 'web',
  });
  assert.equal(result.state, 'approved');
});

test('a request whose rules changed since it was asked is closed, not granted', async () => {
  const { id } = await asked();
  house.policy.refusal = new GatehouseError('GH-POLICY-026', 'The rules changed since this was decided.', {
    status: 403,
  });
  try {
    await assert.rejects(
      house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' }),
      {
        code: 'GH-POLICY-026',
      },
    );
  } finally {
    house.policy.refusal = null;
  }
  assert.equal((await stateOf(house, id)).state, 'cancelled');
  assert.deepEqual(house.seen.grants, []);
});

test('an outage while granting leaves the request open and the vote uncounted', async () => {
  const { id } = await asked();
  house.policy.refusal = new Error('Connection terminated unexpectedly');
  const ballot = { approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' } as const;
  try {
    await assert.rejects(house.approvals.vote(ballot), /Connection terminated/);
  } finally {
    house.policy.refusal = null;
  }
  assert.equal(await votes(id), 0);
  assert.equal((await house.approvals.vote(ballot)).state, 'approved');
});
