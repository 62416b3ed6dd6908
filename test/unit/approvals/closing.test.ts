import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ApprovalsDeps, ExecutionState } from '../../../gateway/approvals/index.ts';
import { closeStopped, expireLate } from '../../../gateway/approvals/closing.ts';
import { gateOf, openHouse, stateOf, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.startsOver.allowed = true;
  await house.database.pool.query(`update approvals set state = 'cancelled' where state = 'pending'`);
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  const gate = gateOf([decision]);
  await house.approvals.register(decision.run, gate);
  return { ...decision, gate };
}

/** Moves a deadline to so many seconds from now. */
const due = (ids: readonly string[], seconds: number) =>
  house.database.pool.query(
    `update approvals set deadline = clock_timestamp() + $2 * interval '1 s' where id = any($1)`,
    [ids, seconds],
  );
const age = (id: string, seconds: number) =>
  house.database.pool.query(`update approvals set created_at = now() - $2 * interval '1 s' where id = $1`, [
    id,
    seconds,
  ]);
const reasonOf = async (id: string) => (await house.approvals.card(id)).reason;

test('what is past its deadline expires; what is not stays open, and is the next to look at', async () => {
  const late = await asked();
  const open = await asked();
  await due([late.id], -1);
  await due([open.id], 60);
  const next = await expireLate(house.deps);
  assert.equal((await stateOf(house, late.id)).state, 'expired');
  assert.equal(await reasonOf(late.id), 'Nobody decided it in time.');
  assert.equal((await stateOf(house, open.id)).state, 'pending');
  assert.ok(next !== null && next > 50_000 && next <= 60_000);
});

test('of one that some approved it is not said that nobody decided', async () => {
  const { id } = await asked({ quorum: 2 });
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  await due([id], -1);
  await expireLate(house.deps);
  assert.equal(await reasonOf(id), 'Too few people approved it in time.');
  assert.deepEqual(new Set(house.seen.notices.slice(-2).map(({ tone }) => tone)), new Set(['expired']));
});

test('with nothing open there is no next deadline', async () => {
  assert.equal(await expireLate(house.deps), null);
});

test('what was decided is past its deadline for nobody', async () => {
  const { id } = await asked();
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  await due([id], -1);
  assert.equal(await expireLate(house.deps), null);
  assert.equal((await stateOf(house, id)).state, 'approved');
});

test('a request that is decided while its deadline passes keeps that outcome', async () => {
  const { id } = await asked();
  await due([id], -1);
  // A voter holds the lock and commits while this waits for it.
  const voter = await house.database.pool.connect();
  try {
    await voter.query('begin');
    await voter.query(`update approvals set state = 'rejected' where id = $1`, [id]);
    const expiry = expireLate(house.deps);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await voter.query('commit');
    await expiry;
  } finally {
    voter.release();
  }
  assert.equal((await stateOf(house, id)).state, 'rejected');
  assert.ok(!house.seen.replies.some((reply) => reply.id === `${id}:expired`));
});

test('more late requests than are looked at in one go are looked at again at once', async () => {
  const { id } = await asked();
  const { pool } = house.database;
  await pool.query(
    `insert into decisions select (jsonb_populate_record(d, jsonb_build_object('id', id || n, 'step', step || n))).*
     from decisions d, generate_series(1, 54) n where id = $1`,
    [id],
  );
  await pool.query(
    `insert into approvals select (jsonb_populate_record(a, jsonb_build_object('id', id || n, 'root', id || n))).*
     from approvals a, generate_series(1, 54) n where id = $1`,
    [id],
  );
  await pool.query(`update approvals set deadline = now() - interval '1 s' where id like $1 || '%'`, [id]);
  const waiting = async () =>
    (await pool.query(`select 1 from approvals where state = 'pending' and id like $1 || '%'`, [id]))
      .rowCount;
  assert.equal(await expireLate(house.deps), 0);
  assert.equal(await waiting(), 5);
  assert.equal(await expireLate(house.deps), null);
  assert.equal(await waiting(), 0);
});

/** One look at the executions, each of which n8n says this of. */
const look = (state: ExecutionState, more: Partial<ApprovalsDeps> = {}) =>
  closeStopped({ ...house.deps, executionState: () => Promise.resolve(state), ...more });

test('an execution that waits, runs or cannot be looked up keeps its requests', async () => {
  const { id } = await asked();
  await age(id, 60);
  for (const state of ['waiting', 'running', 'unknown'] as const) await look(state);
  await closeStopped({ ...house.deps, executionState: undefined });
  assert.equal((await stateOf(house, id)).state, 'pending');
  assert.deepEqual([house.seen.done, house.seen.again], [[], []]);
});

for (const state of ['gone', 'absent'] as const) {
  test(`an execution that is ${state} ends its requests and its run, and the requester reads that nothing was done`, async () => {
    const first = await house.decision();
    const second = await house.decision({ run: first.run });
    await house.approvals.register(first.run, gateOf([first, second]));
    for (const { id } of [first, second]) await age(id, 60);
    await look(state);
    for (const { id } of [first, second]) {
      assert.deepEqual(await stateOf(house, id), { state: 'cancelled', delivered: true });
      assert.equal(await reasonOf(id), 'The workflow run was stopped in n8n.');
      const told = house.seen.replies.find((reply) => reply.id === `${id}:cancelled`);
      assert.match(told?.text ?? '', /stopped in n8n\. Nothing was done\.$/);
      assert.equal(told?.final, true);
    }
    assert.deepEqual(house.seen.done, [first.run.runId], 'a run ends once');
    assert.deepEqual(house.seen.again, []);
  });
}

test('a run that was lost starts over with its requests; where it may not, they end', async () => {
  const { id, run, gate } = await asked();
  await age(id, 60);
  const lines: unknown[][] = [];
  const log = { ...house.deps.log, warn: (...line: unknown[]) => lines.push(line) } as never;
  await look('ended', { log });
  assert.equal((await stateOf(house, id)).state, 'pending');
  assert.deepEqual([house.seen.again, house.seen.done], [[run.runId], []]);
  assert.deepEqual(lines, [
    [{ execution: gate.executionId, approvals: [id] }, 'a waiting run was lost and starts over'],
  ]);
  house.startsOver.allowed = false;
  await look('ended');
  assert.equal((await stateOf(house, id)).state, 'cancelled');
  assert.deepEqual(house.seen.done, [run.runId]);
});

test('a gate that registered this moment is not looked up: n8n may know of its wait a little later', async () => {
  const { id } = await asked();
  await age(id, 3);
  await look('absent');
  assert.equal((await stateOf(house, id)).state, 'pending');
  await age(id, 6);
  await look('absent');
  assert.equal((await stateOf(house, id)).state, 'cancelled');
});

test('a request that moved to another execution during the look-up is not ended with the one before', async () => {
  for (const state of ['gone', 'ended'] as const) {
    const { id, run } = await asked();
    await age(id, 60);
    await closeStopped({
      ...house.deps,
      executionState: async () => {
        await house.approvals.register(run, gateOf([{ id }]));
        return state;
      },
    });
    assert.equal((await stateOf(house, id)).state, 'pending');
    assert.deepEqual([house.seen.done, house.seen.again], [[], []]);
    await house.database.pool.query(`update approvals set state = 'cancelled' where id = $1`, [id]);
  }
});

test('each execution is looked up by its own id, and ends what is its own', async () => {
  const [stopped, waiting] = [await asked(), await asked()];
  for (const { id } of [stopped, waiting]) await age(id, 60);
  await closeStopped({
    ...house.deps,
    executionState: (id) => Promise.resolve(id === stopped.gate.executionId ? 'gone' : 'waiting'),
  });
  assert.equal((await stateOf(house, stopped.id)).state, 'cancelled');
  assert.equal((await stateOf(house, waiting.id)).state, 'pending');
});
