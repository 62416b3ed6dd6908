import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals } from '../../../gateway/approvals/index.ts';
import { findApprovals, type ApprovalRow } from '../../../gateway/approvals/store.ts';
import type { Preview, RunContext } from '../../../gateway/policy/index.ts';
import { gateOf, openHouse, slack, stateOf, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  await house.database.pool.query(`update approvals set state = 'cancelled' where state = 'pending'`);
});

const rowOf = async (id: string): Promise<ApprovalRow> => {
  const [row] = await findApprovals(house.database.pool, 'a.id = $1', [id]);
  assert.ok(row);
  return row;
};
/** Several decisions of one run. */
async function decisions(count: number, options?: DecisionOptions) {
  const first = await house.decision(options);
  const all = [first];
  while (all.length < count) all.push(await house.decision({ ...options, run: first.run }));
  return all;
}
const nextStep = async (id: string) =>
  (
    await house.database.pool.query<{ share: number | null }>(
      `select round(extract(epoch from next_step_at - created_at) / extract(epoch from deadline - created_at), 2)::float8
         as share from approvals where id = $1`,
      [id],
    )
  ).rows[0]?.share;

test('a gate waits a quarter of an hour longer than the last of its deadlines', async () => {
  const all = await decisions(2);
  const [first] = all;
  const gate = gateOf(all);
  const run = first?.run as RunContext;
  const answer = await house.approvals.register(run, gate);
  const [one, other] = answer.approvals.map(({ deadline }) => Date.parse(deadline));
  assert.equal(one, other, 'what is asked together ends together');
  assert.equal(Date.parse(answer.waitUntil), (one as number) + 900_000);
  const seconds = ((one as number) - Date.now()) / 1000;
  assert.ok(seconds > 590 && seconds <= 600);
  await house.database.pool.query(`update approvals set deadline = deadline + interval '1 h' where id = $1`, [
    first?.id,
  ]);
  const again = await house.approvals.register(run, gate);
  assert.equal(Date.parse(again.waitUntil), (one as number) + 3_600_000 + 900_000);
});

test('the items of a gate keep their order, and only what is open has no outcome yet', async () => {
  const all = await decisions(3);
  const gate = gateOf(all);
  const run = all[0]?.run as RunContext;
  await house.approvals.register(run, gate);
  const decided = all[1]?.id ?? '';
  await house.approvals.vote({
    approvalId: decided,
    principal: 'approver-a',
    verdict: 'reject',
    channel: 'web',
  });
  house.seen.waiting.length = 0;
  const { approvals } = await house.approvals.register(run, gate);
  assert.deepEqual(
    approvals.map(({ id, state, outcome }) => [id, state, outcome?.state]),
    all.map(({ id }) => (id === decided ? [id, 'rejected', 'rejected'] : [id, 'pending', undefined])),
  );
  assert.deepEqual(house.seen.waiting, [run.runId], 'the run waits for the others');
  assert.equal((await stateOf(house, decided)).delivered, false, 'and so does what is known already');
  assert.deepEqual(await Promise.all(all.map(async ({ id }) => (await rowOf(id)).itemIndex)), [0, 1, 2]);
});

test('registrations of one step at once leave one request open', async () => {
  const all = await decisions(6);
  const run = all[0]?.run as RunContext;
  await Promise.all(all.map((one) => house.approvals.register(run, gateOf([one], 'at-once'))));
  const rows = await Promise.all(all.map(({ id }) => rowOf(id)));
  assert.deepEqual(rows.map(({ state, stale }) => `${state} ${stale}`).sort(), [
    'pending false',
    ...rows.slice(1).map(() => 'superseded true'),
  ]);
});

test('what a newer request of its step replaced is told to nobody, and waits again once it is asked for again', async () => {
  const [one, two] = await decisions(2);
  assert.ok(one && two);
  const gate = gateOf([one]);
  await house.approvals.register(one.run, gate);
  await house.approvals.register(one.run, gateOf([two], gate.executionId));
  assert.deepEqual(await stateOf(house, one.id), { state: 'superseded', delivered: true });
  assert.equal((await rowOf(one.id)).stale, true);
  await house.approvals.register(one.run, gateOf([one]));
  assert.equal((await rowOf(one.id)).stale, false);
});

test('a wait that is registered anew is tried anew, for the latest edition alone', async () => {
  const first = await house.decision();
  await house.approvals.register(first.run, gateOf([first]));
  const { approvalId } = await house.approvals.edit({
    approvalId: first.id,
    principal: 'requester',
    args: { amount: '9.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
    channel: 'web',
    shownDigest: first.digest,
  });
  const { pool } = house.database;
  await pool.query(
    `update approvals set delivered_at = now(), delivery_attempts = 3, refused_since = now(),
       next_attempt_at = now() + interval '1 h' where root = $1`,
    [first.id],
  );
  await house.approvals.register(first.run, gateOf([first]));
  const { rows } = await pool.query(
    `select id, delivered_at is not null as delivered, delivery_attempts as attempts, refused_since as refused,
       next_attempt_at <= now() as due from approvals where root = $1 order by edition`,
    [first.id],
  );
  const anew = { attempts: 0, refused: null, due: true };
  assert.deepEqual(rows, [
    { id: first.id, delivered: true, ...anew },
    { id: approvalId, delivered: false, ...anew },
  ]);
});

test('another step, and another execution, replace nothing', async () => {
  const all = await decisions(3);
  const run = all[0]?.run as RunContext;
  const [one, two, three] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];
  await house.approvals.register(run, gateOf([one], 'e-1', 'node-1'));
  await house.approvals.register(run, gateOf([two], 'e-1', 'node-2'));
  await house.approvals.register(run, gateOf([three], 'e-2', 'node-1'));
  for (const { id } of all) assert.equal((await stateOf(house, id)).state, 'pending');
});

test('a path that only looks like the one of this wait is refused', async () => {
  const { id, run } = await house.decision();
  const refused = { code: 'GH-APPROVAL-013', field: 'items.0.resumePath' };
  for (const [executionId, nodeId, resumePath] of [
    ['7', 'n', 'http://[/webhook-waiting/7/n'],
    ['7', 'n', `/webhook-waiting/7/n?approval=${id}&signature`.replace('&signature', '')],
    // A path that a browser would shorten leads elsewhere.
    ['..', 'n', `/webhook-waiting/../n?approval=${id}&signature=feed`],
    ['7', '.', `/webhook-waiting/7/.?approval=${id}&signature=feed`],
  ] as const) {
    const gate = { executionId, nodeId, items: [{ decision: id, resumePath }] };
    await assert.rejects(house.approvals.register(run, gate), refused, resumePath);
  }
  const odd = { executionId: 'a/b', nodeId: 'n?', items: [] as { decision: string; resumePath: string }[] };
  odd.items.push({
    decision: id,
    resumePath: `/webhook-waiting/a%2Fb/n%3F?approval=${id}&signature=feed`,
  });
  assert.equal((await house.approvals.register(run, odd)).approvals[0]?.state, 'pending');
});

test('the receipt of a request proves what was asked of whom, until when', async () => {
  const { id, run, digest } = await house.decision({ quorum: 2 });
  await house.approvals.register(run, gateOf([{ id }]));
  const row = await rowOf(id);
  const { rows } = await house.database.pool.query<{ facts: object; message: string }>(
    `select facts, message_id as message from receipts where decision_id = $1 and kind = 'approval.requested'`,
    [id],
  );
  assert.deepEqual(rows, [
    {
      message: run.messageId,
      facts: {
        kind: 'approve',
        tool: 'ledger.transfer',
        digest,
        binding: row.binding,
        groups: ['approvers'],
        quorum: 2,
        approvers: ['approver-a', 'approver-b'],
        deadline: row.deadline.toISOString(),
      },
    },
  ]);
});

test('the accounts of the requester are kept as they are now, with the one from which it was asked', async () => {
  const decision = await house.decision();
  await house.database.pool.query('update messages set envelope = $2 where id = $1', [
    decision.run.messageId,
    JSON.stringify({ data: { channel: { kind: 'slack', account: 'T9' }, sender: { nativeId: 'U-old' } } }),
  ]);
  await house.approvals.register(decision.run, gateOf([decision]));
  const web = { channel: 'web', account: 'local', id: 'requester' };
  assert.deepEqual((await rowOf(decision.id)).requesterIdentities, [
    web,
    web,
    slack('requester'),
    { channel: 'slack', account: 'T9', id: 'U-old' },
  ]);
  const nobody = await house.decision();
  await house.approvals.register({ ...nobody.run, principal: null }, gateOf([nobody]));
  assert.deepEqual((await rowOf(nobody.id)).requesterIdentities, []);
});

test('a first reminder or escalation is set for a request to others, never for a confirmation', async () => {
  const later = house.another({
    classOf: () => ({ fourEyes: false, escalate: [{ after: 0.5, groups: ['board'] }], remindAt: [0.25] }),
  });
  const approve = await house.decision();
  const confirm = await house.decision({ run: approve.run, effect: 'confirm' });
  await later.register(approve.run, gateOf([approve, confirm]));
  assert.equal(await nextStep(approve.id), 0.25);
  assert.equal(await nextStep(confirm.id), null);
  assert.deepEqual((await rowOf(confirm.id)).groups, []);
  const plain = await house.decision();
  await house.approvals.register(plain.run, gateOf([plain]));
  assert.equal(await nextStep(plain.id), null);
});

/** A gateway that looks calls up, and what it looked at. */
function seeing(stateFor: (amount: unknown) => Preview['state']): { gateway: Approvals; looked: string[] } {
  const looked: string[] = [];
  const gateway = house.another({
    preview: ({ decisionId, args }) => {
      looked.push(decisionId);
      const facts = [{ column: 'balance', label: 'Balance', value: '7.00', bound: true }];
      return Promise.resolve({
        state: stateFor(args.amount),
        text: 'The ledger says so.',
        facts,
        at: new Date().toISOString(),
      });
    },
  });
  return { gateway, looked };
}

test('where nothing can be looked up, voters read so, and that is part of what they decide', async () => {
  const { id, run } = await house.decision();
  await house.approvals.register(run, gateOf([{ id }]));
  const { preview } = await rowOf(id);
  assert.deepEqual(
    { ...preview, at: '' },
    { state: 'none', text: 'No preview: nothing is looked up here.', facts: [], at: '' },
  );
  assert.ok(Math.abs(Date.parse(preview?.at ?? '') - Date.now()) < 60_000);
});

test('what voters were shown stays what it was when the gate asks again', async () => {
  const { gateway, looked } = seeing(() => 'shown');
  const { id, run } = await house.decision();
  await gateway.register(run, gateOf([{ id }]));
  const before = await rowOf(id);
  await gateway.register(run, gateOf([{ id }]));
  const now = await rowOf(id);
  assert.deepEqual([now.binding, now.preview], [before.binding, before.preview]);
  assert.equal(now.preview?.facts.length, 1);
  assert.deepEqual(looked, [id], 'it is looked up once');
});

test('a payment that cannot be looked up ends at once with the reason; what else the gate asks is asked', async () => {
  const { gateway } = seeing((amount) => (amount === '1.00' ? 'unavailable' : 'shown'));
  const shown = await house.decision();
  const blind = await house.decision({
    run: shown.run,
    args: { amount: '1.00', currency: 'EUR', payee: 'ACME', reference: 'r' },
  });
  const { approvals } = await gateway.register(shown.run, gateOf([shown, blind]));
  assert.deepEqual(
    approvals.map(({ state }) => state),
    ['pending', 'cancelled'],
  );
  assert.match(approvals[1]?.outcome?.reason ?? '', /cannot be looked up.*\(preview_unavailable\)/);
  assert.ok(!house.seen.notices.some(({ id }) => id.startsWith(blind.id)), 'nobody is asked about it');
  assert.equal(house.seen.notices.filter(({ id }) => id.startsWith(shown.id)).length, 2);
});

test('a conversation asks no more at once than it may; others, and what it asks again, are not held back', async () => {
  const gateway = house.another({ mostAsks: () => 1 });
  const all = await decisions(2);
  const run = all[0]?.run as RunContext;
  const gate = gateOf(all.slice(0, 1));
  await gateway.register(run, gate);
  assert.equal((await gateway.register(run, gate)).approvals[0]?.state, 'pending', 'asked again');
  const refused = await gateway.register(run, gateOf(all.slice(1)));
  assert.equal(refused.approvals[0]?.outcome?.state, 'cancelled');
  assert.match(refused.approvals[0].outcome.reason ?? '', /too_many_asks/);
  const others = await house.decision();
  const elsewhere = { ...others.run, sessionKey: 'elsewhere' };
  await house.database.pool.query(`update decisions set session_key = 'elsewhere' where id = $1`, [
    others.id,
  ]);
  assert.equal((await gateway.register(elsewhere, gateOf([others]))).approvals[0]?.state, 'pending');
  await house.database.pool.query(`update approvals set requester = 'stranger' where id = $1`, [all[0]?.id]);
  const own = await house.decision({ run });
  const asked = await gateway.register(run, gateOf([own]));
  assert.equal(asked.approvals[0]?.state, 'pending', 'another person asks in the same conversation');
  const automatic = await house.decision();
  const nobody = { ...automatic.run, principal: null };
  assert.equal((await gateway.register(nobody, gateOf([automatic]))).approvals[0]?.state, 'pending');
});

test('of a gate that asks more than there is room for, the first are asked', async () => {
  const gateway = house.another({ mostAsks: () => 3 });
  const all = await decisions(5);
  const run = all[0]?.run as RunContext;
  const gate = gateOf(all.slice(0, 1));
  await gateway.register(run, gate);
  const more = gateOf(all, gate.executionId);
  const { approvals } = await gateway.register(run, more);
  assert.deepEqual(
    approvals.map(({ state }) => state),
    ['pending', 'pending', 'pending', 'cancelled', 'cancelled'],
  );
});
