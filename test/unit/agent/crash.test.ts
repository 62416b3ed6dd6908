import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../approvals/support.ts';
import { asked, openRun, type House } from './house.ts';
import { calls, dieAt, runIn, site, type Site } from './support.ts';

let at: Site;
let house: House;
let count = 0;
const ends: (() => Promise<void>)[] = [];
before(async () => {
  at = await site({ after: (work) => void ends.push(work) });
  house = await at.house();
});
after(async () => {
  for (const end of ends) await end();
});

/** Reads the balance, pays, and says so: each turn follows from what stands in the conversation. */
const script = (reference: string) => (asked: { turns: { role: string }[] }) => {
  const results = asked.turns.filter(({ role }) => role === 'tool').length;
  if (results === 0) return calls(['ledger.balance', {}]);
  if (results === 1)
    return calls(['ledger.transfer', { amount: '120.00', currency: 'EUR', payee: 'ACME', reference }]);
  return { text: 'Paid.' };
};

/** Votes for whatever a run asks. */
async function approveAll(): Promise<void> {
  const { rows } = await house.pool.query<{ id: string }>(`select id from approvals where state = 'pending'`);
  for (const { id } of rows)
    await house.approvals.vote({
      approvalId: id,
      principal: 'approver-a',
      verdict: 'approve',
      channel: 'web',
    });
}

// Of the questions that a model answers, only one whose answer nobody kept is asked again.
const points: [point: string, questions: number][] = [
  ['prompt:1', 3],
  ['lost:1', 4],
  ['answer:1', 3],
  ['call:1', 3],
  ['effect:1', 3],
  ['result:1', 3],
  ['prompt:2', 3],
  ['answer:2', 3],
  ['decided:1', 3],
  ['asked:1', 3],
  ['wait:1', 3],
  ['effect:2', 3],
  ['result:2', 3],
  ['lost:3', 4],
  ['answer:3', 3],
];

for (const [point, questions] of points) {
  test(`a gateway that is killed at ${point} leaves a run that another one ends, once`, async () => {
    const reference = `crash-${(count += 1)}`;
    at.model.script = script(reference);
    const before = at.model.asked.length;
    const context = await openRun(house.pool, { text: `Pay 120 EUR to ACME, ${reference}` });
    const { id } = await house.agent.start(context, asked());
    const died = dieAt(at.ground, point);
    const voting = setInterval(() => void approveAll().catch(() => undefined), 50);
    await died;
    await house.tools.recover();
    const next = house.another();
    next.work();
    const done = await runIn(house, context, id, 'done', 'failed', 'stopped');
    clearInterval(voting);
    await next.rest();
    assert.deepEqual([done.state, done.result?.text], ['done', 'Paid.']);
    assert.equal(at.model.asked.length - before, questions);
    const booked = await at.demo.query('select from ledger where reference = $1', [reference]);
    assert.equal(booked.rows.length, 1);
    const leases = await house.pool.query(
      `select from leases where ended_at is null and secret = 'model/key'`,
    );
    assert.equal(leases.rows.length, 0);
    assert.deepEqual(at.model.problems, []);
  });
}

test('of several gateways one works on a run, and one that lost it can write nothing any more', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const before = at.model.asked.length;
  at.model.script = async () => {
    if (at.model.asked.length - before === 1) await held;
    return { text: `Answer ${at.model.asked.length - before}` };
  };
  const [first, second] = [house.another(), house.another()];
  const context = await openRun(house.pool);
  first.work();
  const { id } = await house.agent.start(context, asked());
  await until(() => at.model.asked.length > before);
  // As if it had been silent for longer than its lease.
  await house.pool.query(`update agent_runs set lease_until = now() - interval '1 second' where id = $1`, [
    id,
  ]);
  second.work();
  const done = await runIn(house, context, id, 'done');
  release();
  await first.rest();
  await second.rest();
  assert.equal(done.result?.text, 'Answer 2');
  const { steps } = await house.agent.show(context, id);
  assert.equal(steps.filter(({ kind }) => kind === 'answer').length, 1);
});
