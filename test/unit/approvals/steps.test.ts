import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ApprovalsDeps } from '../../../gateway/approvals/index.ts';
import { stepsOf, takeSteps } from '../../../gateway/approvals/escalation.ts';
import { findApprovals, type ApprovalRow } from '../../../gateway/approvals/store.ts';
import { everybody, gateOf, openHouse, person, type DecisionOptions, type House } from './support.ts';

const reminder = { after: 0.25, groups: null };
const toManagers = { after: 0.5, groups: ['managers'] };
const toBoard = { after: 0.9, groups: ['board'] };
const classOf: NonNullable<ApprovalsDeps['classOf']> = () => ({
  fourEyes: false,
  escalate: [toManagers, toBoard],
  remindAt: [0.25],
});

let house: House;
let deps: ApprovalsDeps;
before(async () => {
  house = await openHouse();
  deps = { ...house.deps, classOf };
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.unreachable.clear();
  await house.database.pool.query(`update approvals set state = 'cancelled' where state = 'pending'`);
  await house.setPeople({
    people: [
      ...everybody,
      person('manager', 'Max Manager', ['managers']),
      person('boss', 'Bo Boss', ['board', 'approvers']),
    ],
  });
});

/** A request whose next step is due, with so many of them done. */
async function due(done = 0, options?: DecisionOptions) {
  const decision = await house.decision(options);
  await house.another({ classOf }).register(decision.run, gateOf([decision]));
  await house.database.pool.query(
    `update approvals set steps_done = $2, next_step_at = now() - interval '1 s' where id = $1`,
    [decision.id, done],
  );
  for (const list of Object.values(house.seen)) list.length = 0;
  return decision;
}

const rowOf = async (id: string): Promise<ApprovalRow> => {
  const [row] = await findApprovals(house.database.pool, 'a.id = $1', [id]);
  return row ?? assert.fail('no such approval');
};
const nextStep = async (id: string) =>
  (
    await house.database.pool.query<{ share: number | null }>(
      `select round(extract(epoch from next_step_at - created_at) / extract(epoch from deadline - created_at), 3)::float8
         as share from approvals where id = $1`,
      [id],
    )
  ).rows[0]?.share;
const receipts = async (id: string) =>
  (
    await house.database.pool.query<{ kind: string; message: string; facts: object }>(
      `select kind, message_id as message, facts from receipts
       where decision_id = $1 and kind in ('approval.reminded', 'approval.escalated') order by arrival`,
      [id],
    )
  ).rows;

test('reminders and escalations of a class stand in the order of their time', () => {
  assert.deepEqual(stepsOf({ classOf }, 'ledger.transfer'), [reminder, toManagers, toBoard]);
  assert.deepEqual(stepsOf({ classOf: () => undefined }, 'ledger.transfer'), []);
  assert.deepEqual(stepsOf({}, 'ledger.transfer'), []);
});

test('the next look is at the time of the next step, and never without one', async () => {
  assert.equal(await takeSteps(deps), null);
  const { id } = await due();
  await house.database.pool.query(
    `update approvals set next_step_at = clock_timestamp() + interval '60 s' where id = $1`,
    [id],
  );
  const next = await takeSteps(deps);
  assert.ok(next !== null && next > 50_000 && next <= 60_000);
  assert.equal((await rowOf(id)).stepsDone, 0);
  await house.database.pool.query(`update approvals set state = 'rejected' where id = $1`, [id]);
  assert.equal(await takeSteps(deps), null);
});

test('more steps that are due than are taken in one go are looked at again at once', async () => {
  const { id } = await due(3);
  const { pool } = house.database;
  for (const [table, change] of [
    ['decisions', `jsonb_build_object('id', id || n, 'step', step || n)`],
    ['approvals', `jsonb_build_object('id', id || n, 'root', id || n)`],
  ] as const)
    await pool.query(
      `insert into ${table} select (jsonb_populate_record(t, ${change})).* from ${table} t, generate_series(1, 52) n
       where id = $1`,
      [id],
    );
  const waiting = async () =>
    (await pool.query(`select from approvals where next_step_at is not null and id like $1 || '%'`, [id]))
      .rowCount;
  assert.equal(await takeSteps(deps), 0);
  assert.equal(await waiting(), 3);
  assert.equal(await takeSteps(deps), null);
  assert.equal(await waiting(), 0);
});

test('a reminder says until when and where, to those alone whose vote is still out', async () => {
  const { id, run } = await due(0, { quorum: 2 });
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  house.seen.notices.length = 0;
  house.unreachable.add('boss');
  await takeSteps(deps);
  assert.deepEqual(
    house.seen.notices.map(({ principal, id: notice, card, link }) => [principal, notice, card, link]),
    [
      [
        'approver-b',
        `${id}:step:0:approver-b`,
        `${id}:step:0:approver-b`,
        `https://gate.example.com/approvals/${id}`,
      ],
    ],
  );
  const row = await rowOf(id);
  assert.deepEqual(row.reminded, ['0:approver-b'], 'whom no account reaches has no reminder to close');
  assert.equal(row.stepsDone, 1);
  assert.equal(await nextStep(id), 0.5);
  assert.deepEqual(await receipts(id), [
    { kind: 'approval.reminded', message: run.messageId, facts: { people: ['approver-b', 'boss'] } },
  ]);
});

test('a person whose vote came from a stand-in is not reminded, and neither is that stand-in', async () => {
  const standIn = { by: 'stranger', from: '2020-01-01', until: '2999-01-01' };
  const standIns = [
    { ...standIn, for: 'approver-a' },
    { ...standIn, for: 'approver-b' },
  ];
  await house.setPeople({ people: everybody, standIns });
  const { id } = await due(0, { quorum: 2 });
  await house.approvals.vote({ approvalId: id, principal: 'stranger', verdict: 'approve', channel: 'web' });
  house.seen.notices.length = 0;
  await takeSteps(deps);
  assert.deepEqual(
    house.seen.notices.map(({ principal }) => principal),
    ['approver-b'],
  );
  await house.setPeople({ people: everybody, standIns: standIns.slice(0, 1) });
  // And the other way round: with the vote of the person in, there is no seat left for who stands in for them.
  const other = await due(0, { quorum: 2 });
  await house.approvals.vote({
    approvalId: other.id,
    principal: 'approver-a',
    verdict: 'approve',
    channel: 'web',
  });
  house.seen.notices.length = 0;
  await takeSteps(deps);
  assert.deepEqual(
    house.seen.notices.map(({ principal }) => principal),
    ['approver-b'],
  );
});

test('who came into the group since gets the card in place of a reminder', async () => {
  const { id } = await due();
  await house.setPeople({ people: [...everybody, person('newcomer', 'Nico', ['approvers'])] });
  await takeSteps(deps);
  assert.deepEqual(
    house.seen.notices.map(({ principal, buttons }) => [principal, buttons.length]),
    [
      ['approver-a', 0],
      ['approver-b', 0],
      ['newcomer', 2],
    ],
  );
  assert.deepEqual((await receipts(id))[0]?.facts, { people: ['approver-a', 'approver-b', 'newcomer'] });
  const { asked, reminded } = await rowOf(id);
  assert.deepEqual(
    [asked, reminded],
    [
      ['approver-a', 'approver-b', 'boss', 'newcomer'],
      ['0:approver-a', '0:approver-b'],
    ],
  );
});

test('an escalation adds its group once, and the requester reads who is asked by now', async () => {
  const { id, run } = await due(1);
  const lines: unknown[][] = [];
  const log = { ...deps.log, error: (...line: unknown[]) => lines.push(line) } as never;
  await takeSteps({ ...deps, log });
  assert.deepEqual((await rowOf(id)).groups.sort(), ['approvers', 'managers']);
  assert.deepEqual(
    house.seen.replies.map(({ messageId, id: reply, final }) => [messageId, reply, final]),
    [[run.messageId, `${id}:step:2`, false]],
  );
  assert.match(
    house.seen.replies[0]?.text ?? '',
    /Asked: Alex Approver, Blake Approver, Max Manager, Bo Boss\./,
  );
  assert.deepEqual(await receipts(id), [
    {
      kind: 'approval.escalated',
      message: run.messageId,
      facts: { groups: ['managers'], people: ['manager'] },
    },
  ]);
  assert.deepEqual(lines, []);
  assert.equal(await nextStep(id), 0.9);
  await house.database.pool.query(
    `update approvals set steps_done = 1, next_step_at = now() - interval '1 s' where id = $1`,
    [id],
  );
  house.unreachable.add('manager');
  await takeSteps({ ...deps, log });
  assert.deepEqual((await rowOf(id)).groups.sort(), ['approvers', 'managers']);
  assert.deepEqual(lines, [[{ approval: id, groups: ['managers'] }, 'an escalation reached nobody']]);
});

test('after the last step there is none, also where the class lost steps meanwhile', async () => {
  const last = await due(2);
  const fewer = await due(3);
  await takeSteps(deps);
  for (const { id } of [last, fewer]) assert.equal(await nextStep(id), null);
  assert.deepEqual([(await rowOf(last.id)).stepsDone, (await rowOf(fewer.id)).stepsDone], [3, 4]);
  assert.deepEqual(await receipts(fewer.id), []);
});

test('what is late is about to expire, so that nobody is asked about it any more', async () => {
  const { id } = await due();
  await house.database.pool.query(`update approvals set deadline = now() - interval '1 s' where id = $1`, [
    id,
  ]);
  await takeSteps(deps);
  assert.equal((await rowOf(id)).stepsDone, 1);
  assert.deepEqual([house.seen.notices, house.seen.replies, await receipts(id)], [[], [], []]);
});

for (const [what, change, done] of [
  ['decided', `state = 'rejected'`, 0],
  ['taken by another gateway', `steps_done = 1, next_step_at = now() + interval '1 h'`, 1],
] as const)
  test(`a step is not taken of what was ${what} while its lock was waited for`, async () => {
    const { id } = await due();
    const other = await house.database.pool.connect();
    try {
      await other.query('begin');
      await other.query(`update approvals set ${change} where id = $1`, [id]);
      const steps = takeSteps(deps);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await other.query('commit');
      await steps;
    } finally {
      other.release();
    }
    assert.equal((await rowOf(id)).stepsDone, done);
    assert.deepEqual([house.seen.notices, await receipts(id)], [[], []]);
  });
