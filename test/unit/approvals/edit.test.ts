import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Card } from '../../../gateway/approvals/index.ts';
import type { Preview } from '../../../gateway/policy/index.ts';
import { args, asNew, editing } from './edits.ts';
import { everybody, gateOf, openHouse, person, stateOf, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => asNew(house));
const { asked, edit, rows, vote } = editing(() => house);

test('an edit ends the request as superseded and asks about the changed call in its place', async () => {
  const first = await asked();
  const { rows: before } = await house.database.pool.query<{ deadline: Date }>(
    'select deadline from approvals where id = $1',
    [first.id],
  );
  const { approvalId, state } = await edit(first, { amount: '100.00' });
  assert.equal(state, 'pending');
  assert.deepEqual(await stateOf(house, first.id), { state: 'superseded', delivered: true });
  const card = await house.approvals.card(approvalId, 'approver-b');
  assert.equal(card.sentence, 'Robin Requester asks to pay 100.00 EUR to ACME (invoice-42)');
  assert.notEqual(card.digest, first.digest);
  assert.deepEqual(card.edited, {
    by: 'Alex Approver',
    changes: [{ label: 'Amount', before: '120.00', after: '100.00' }],
  });
  assert.equal(card.deadline, before[0]?.deadline.toISOString(), 'the wait does not get longer');
  assert.equal((await house.approvals.card(first.id, 'approver-b')).replacedBy, approvalId);

  // Every copy of the old card is closed, and the new one asks with the new digest.
  const closed = house.seen.notices.findLast((notice) => notice.card === `${first.id}:approver-b`);
  assert.match(closed?.text ?? '', /replaced by a newer request.*Alex Approver changed it/);
  assert.deepEqual(closed?.buttons, []);
  const fresh = house.seen.notices.findLast((notice) => notice.card === `${approvalId}:approver-b`);
  assert.match(fresh?.text ?? '', /Changed by Alex Approver\. Amount: “100.00”, was “120.00”/);
  assert.ok(fresh?.buttons[0]?.startsWith(`approve:${approvalId}:`));
  assert.match(house.seen.replies.at(-1)?.text ?? '', /Changed by Alex Approver/);

  const kinds = [
    ...(await rows('select kind, facts from receipts where decision_id = $1', first.id)),
    ...(await rows('select kind, facts from receipts where decision_id = $1', approvalId)),
  ];
  assert.ok(kinds.some((row) => row.kind === 'approval.outcome' && row.facts.state === 'superseded'));
  const receipt = kinds.find((row) => row.kind === 'approval.edited')?.facts;
  assert.deepEqual(
    [receipt?.by, receipt?.from, receipt?.digest, receipt?.withoutVote],
    ['approver-a', first.digest, card.digest, ['approver-a']],
  );
  assert.ok(!JSON.stringify(kinds).includes('100.00'), 'no value in a receipt');
});

test('an edit keeps whom the request has reached: the accounts of its requester, its escalation and the next step', async () => {
  const classOf = () => ({
    fourEyes: true,
    escalate: [{ after: 0.5, groups: ['managers'] }],
    remindAt: [0.75],
  });
  const later = house.another({ classOf });
  const decision = await house.decision({ args });
  await later.register(decision.run, gateOf([decision]));
  await house.database.pool.query(
    `update approvals set steps_done = 1, groups = '{approvers,managers}' where id = $1`,
    [decision.id],
  );
  await house.setPeople({ people: [...everybody, person('manager', 'Max Manager', ['managers'])] });
  const { approvalId } = await later.edit({
    approvalId: decision.id,
    principal: 'approver-a',
    channel: 'web',
    args: { ...args, amount: '110.00' },
    shownDigest: decision.digest,
  });
  const { rows: kept } = await house.database.pool.query(
    `select b.requester_identities = a.requester_identities and jsonb_array_length(a.requester_identities) > 1 as accounts,
       b.groups, b.steps_done as "stepsDone", b.asked,
       round(extract(epoch from b.next_step_at - a.created_at) / extract(epoch from a.deadline - a.created_at), 3)::float8 as next
     from approvals a, approvals b where a.id = $1 and b.id = $2`,
    [decision.id, approvalId],
  );
  await house.setPeople({ people: everybody });
  assert.deepEqual(kept, [
    {
      accounts: true,
      groups: ['approvers', 'managers'],
      stepsDone: 1,
      asked: ['approver-b', 'manager'],
      next: 0.75,
    },
  ]);
  await assert.rejects(vote(approvalId, 'approver-a'), { code: 'GH-APPROVAL-020' });
});

test('a policy that denies the edit leaves the request as it was, and says why', async () => {
  const first = await asked();
  house.policy.effect = 'deny';
  await assert.rejects(edit(first, { amount: '0.00' }), {
    code: 'GH-APPROVAL-025',
    message: /The test says so\. The request stays as it was/,
  });
  assert.equal((await stateOf(house, first.id)).state, 'pending');
  house.policy.effect = 'approve';
  assert.equal((await vote(first.id, 'approver-a')).state, 'approved');
});

test("an approver's edit that policy allows is confirmed by the requester, nobody else", async () => {
  const first = await asked();
  house.policy.effect = 'allow';
  const { approvalId } = await edit(first, { amount: '1.00' });
  const card = await house.approvals.card(approvalId, 'requester');
  assert.deepEqual([card.state, card.kind, card.mayVote], ['pending', 'confirm', true]);
  await assert.rejects(vote(approvalId, 'approver-a'), { code: 'GH-APPROVAL-005' });
  assert.equal((await vote(approvalId, 'requester')).state, 'approved');
});

test("the requester's own edit that policy allows is approved at once", async () => {
  const first = await asked({ effect: 'confirm' });
  house.policy.effect = 'allow';
  const { approvalId, state } = await edit(first, { payee: 'ACME Ltd' }, 'requester');
  assert.equal(state, 'approved');
  assert.deepEqual(await stateOf(house, approvalId), { state: 'approved', delivered: false });
});

test('a gate that cannot hand on another call has nothing edited', async () => {
  const decision = await house.decision({ args });
  const { edits: _edits, ...gate } = gateOf([decision]);
  await house.approvals.register(decision.run, gate);
  await assert.rejects(edit(decision, { amount: '1.00' }), { code: 'GH-APPROVAL-021' });
  const card = await house.approvals.card(decision.id, 'approver-a');
  assert.deepEqual([card.mayEdit, card.mayAsk], [false, true]);
});

test('a late edit expires the request instead', async () => {
  const first = await asked();
  await house.database.pool.query('update approvals set deadline = now() where id = $1', [first.id]);
  await assert.rejects(edit(first, { amount: '1.00' }), { code: 'GH-APPROVAL-010' });
  assert.equal((await stateOf(house, first.id)).state, 'expired');
});

test('of two edits at once one follows the request, the other is refused', async () => {
  const first = await asked();
  const second = house.another();
  const results = await Promise.allSettled([
    edit(first, { amount: '1.00' }),
    second.edit({
      approvalId: first.id,
      principal: 'approver-b',
      args: { ...args, amount: '2.00' },
      channel: 'web',
      shownDigest: first.digest,
    }),
  ]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  assert.equal((await rows('select 1 from approvals where root = $1', first.id)).length, 2);
});

test('a redispatched run waits for the edited request under the decision that it knows', async () => {
  const first = await asked();
  const { approvalId } = await edit(first, { amount: '100.00' });
  const again = gateOf([first]);
  const registered = await house.approvals.register(first.run, again);
  assert.deepEqual(
    registered.approvals.map(({ id, state }) => [id, state]),
    [[first.id, 'pending']],
  );
  assert.equal((await stateOf(house, approvalId)).state, 'pending');
  await vote(approvalId, 'approver-b');
  const [settled] = (await house.approvals.register(first.run, gateOf([first]))).approvals;
  assert.equal(settled?.id, first.id);
  assert.equal(settled?.outcome?.id, first.id);
  assert.equal(settled?.outcome?.decision, approvalId);
  assert.equal(settled?.outcome?.args?.amount, '100.00');
  assert.equal(settled?.outcome?.grant, `grant_${approvalId}`);
  assert.deepEqual(settled?.outcome?.edited, {
    from: first.digest,
    by: [{ principal: 'approver-a', display: 'Alex Approver' }],
  });
});

test('the form holds the fields of the schema, keeps what was not touched, and leaves out what is empty', async () => {
  const url = 'https://a.example.com/';
  const body = 'one\r\ntwo';
  const headers = { 'x-a': '1' };
  const first = await asked({ tool: 'http.request', args: { method: 'POST', url, body, headers } });
  const fields = await house.approvals.editForm(first.id, 'approver-a');
  assert.deepEqual(
    fields.map(({ name, kind, required }) => [name, kind, required]),
    [
      ['method', 'choice', true],
      ['url', 'text', true],
      ['headers', 'json', false],
      ['body', 'long', false],
      ['secret', 'text', false],
    ],
  );
  await assert.rejects(house.approvals.editForm(first.id, 'stranger'), { code: 'GH-APPROVAL-022' });
  const values = Object.fromEntries(fields.map((field) => [field.name, field.value]));
  const send = (change: Record<string, string>) =>
    house.approvals.editByForm({
      approvalId: first.id,
      principal: 'approver-a',
      values: { ...values, ...change },
      channel: 'web',
      shownDigest: first.digest,
    });
  await assert.rejects(send({}), { code: 'GH-APPROVAL-024' });
  await assert.rejects(send({ headers: '{nonsense' }), { code: 'GH-APPROVAL-023', field: 'headers' });
  await assert.rejects(send({ url: '' }), { code: 'GH-APPROVAL-023', field: 'url' });
  const { approvalId } = await send({ method: 'PUT', headers: '' });
  const [row] = await rows('select args from decisions where id = $1', approvalId);
  assert.deepEqual(row?.args, { method: 'PUT', url, body });
});

test('nobody edits for ever', async () => {
  let at = await asked();
  for (let turn = 0; turn < 10; turn += 1) {
    const { approvalId } = await edit(at, { amount: `${turn}.50` }, 'requester');
    at = { ...at, id: approvalId, digest: (await house.approvals.card(approvalId)).digest };
  }
  await assert.rejects(edit(at, { amount: '99.00' }, 'requester'), { code: 'GH-APPROVAL-027' });
});

test('a request whose message is gone can still be decided, but not changed', async () => {
  const first = await asked();
  const without = house.another({
    delivery: { ...house.delivery, runContext: () => Promise.resolve(null) },
  });
  await assert.rejects(
    without.edit({
      approvalId: first.id,
      principal: 'approver-a',
      args: { ...args, amount: '1.00' },
      channel: 'web',
      shownDigest: first.digest,
    }),
    { code: 'GH-APPROVAL-028' },
  );
  assert.equal((await vote(first.id, 'approver-a')).state, 'approved');
});

test('what a changed call would do is looked up anew, for those alone who may change it', async () => {
  const looked: { decisionId: string; args: object }[] = [];
  let state: Preview['state'] = 'shown';
  const seeing = house.another({
    preview: (call) => {
      looked.push({ decisionId: call.decisionId, args: call.args });
      const facts = [{ column: 'balance', label: 'Balance', value: String(call.args.amount), bound: true }];
      return Promise.resolve({ state, text: null, facts, at: new Date().toISOString() });
    },
  });
  const decision = await house.decision({ args });
  await seeing.register(decision.run, gateOf([decision]));
  const first = await seeing.card(decision.id, 'approver-a');
  const balance = (card: Card) => card.facts.find(({ label }) => label === 'Balance')?.value;
  assert.equal(balance(first), '120.00');
  const change = { approvalId: decision.id, channel: 'web', shownDigest: decision.digest };
  const smaller = { ...args, amount: '100.00' };

  looked.length = 0;
  await assert.rejects(seeing.edit({ ...change, principal: 'outsider', args: smaller }), {
    code: 'GH-APPROVAL-041',
  });
  await assert.rejects(seeing.edit({ ...change, principal: 'approver-a', args: { ...args, amount: 7 } }), {
    code: 'GH-APPROVAL-023',
  });
  assert.deepEqual(looked, [], 'nothing was looked up for an edit that cannot be');

  state = 'unavailable';
  await assert.rejects(seeing.edit({ ...change, principal: 'approver-a', args: smaller }), {
    code: 'GH-APPROVAL-051',
    message: /cannot be looked up.*The request stays as it was/,
  });
  assert.deepEqual(await stateOf(house, decision.id), { state: 'pending', delivered: false });
  const kept = await rows('select kind, facts from receipts where decision_id = $1', decision.id);
  assert.ok(!kept.some(({ kind }) => kind === 'approval.edited'), 'the refused edit left nothing');

  state = 'shown';
  looked.length = 0;
  const { approvalId } = await seeing.edit({ ...change, principal: 'approver-a', args: smaller });
  assert.deepEqual(looked, [{ decisionId: decision.id, args: smaller }]);
  const now = await seeing.card(approvalId, 'approver-b');
  assert.equal(balance(now), '100.00');
  assert.notEqual(now.binding, first.binding);
});
