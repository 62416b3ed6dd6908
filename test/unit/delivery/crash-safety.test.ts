import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { message, Stage, until, type Dispatch } from './support.ts';

const code = (expected: string) => (error: unknown) =>
  error instanceof GatehouseError && error.code === expected;

describe('what survives an outage', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });
  afterEach(() => stage.close());

  it('waits for n8n and loses nothing, counts no attempt, and health says so', async () => {
    await stage.open();
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
    await stage.n8n.close();
    await stage.delivery.ingest(['1', '2', '3'].map((text) => message({ text })));
    await stage.delivery.ingest([message({ sender: 'U2', text: '4' })]);
    await until('health says so', async () => !(await stage.delivery.health()).n8n.ok);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { rows } = await stage.database.pool.query<{ attempt: number }>('select attempt from runs');
    assert.ok(rows.every((row) => row.attempt <= 1));
    await stage.n8n.listen();
    await until('all replies', () => stage.channel.sent.length === 4);
    assert.deepEqual(
      stage.texts().filter((text) => text !== 're: 4'),
      ['re: 1', 're: 2', 're: 3'],
    );
    assert.equal((await stage.delivery.health()).n8n.ok, true);
  });

  it('goes on after the gateway was killed with runs under way: their tokens still work', async () => {
    await stage.open();
    await stage.delivery.ingest([message({ text: 'a' }), message({ text: 'b' })]);
    await until('the dispatch', () => stage.n8n.dispatches.length === 1);
    await stage.stopGateway();
    await stage.startGateway();
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
    await stage.answer(stage.n8n.dispatches[0] as Dispatch);
    await until('both replies', () => stage.channel.sent.length === 2);
    assert.equal(stage.n8n.dispatches.length, 2);
  });

  it('dispatches a silent run again under the same envelope id, and voids the old token', async () => {
    await stage.open({ runLeaseSeconds: 1 });
    await stage.delivery.ingest([message({ text: 'lost' }), message({ text: 'behind' })]);
    await until('the second dispatch', () => stage.n8n.dispatches.length === 2);
    const [first, second] = stage.n8n.dispatches as [Dispatch, Dispatch];
    assert.equal(second.envelope.id, first.envelope.id);
    assert.notEqual(second.run.token, first.run.token);
    await assert.rejects(stage.delivery.authenticateRun(first.run.token), code('GH-RUN-001'));
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
    await stage.answer(second);
    await until('both replies', () => stage.texts().join() === 're: lost,re: behind');
  });

  it('gives up after the last dispatch: the sender is told, the session goes on, a requeue works', async () => {
    await stage.open({ runLeaseSeconds: 1, runMaxDispatches: 2 });
    stage.n8n.onRun = (dispatch) =>
      dispatch.envelope.data.content.text === 'poison' ? undefined : stage.answer(dispatch);
    await stage.delivery.ingest([message({ text: 'poison', nativeId: 'p' }), message({ text: 'fine' })]);
    await until('the next reply', () => stage.texts().includes('re: fine'));
    await until('the word', () => stage.texts().some((text) => text.includes('could not be handled')));
    assert.equal(await stage.stateOf('slack:T1:C1:p:0'), 'dead');
    assert.equal(stage.n8n.dispatches.length, 3);
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
    await stage.delivery.requeue('slack:T1:C1:p:0');
    await until('its reply', () => stage.texts().includes('re: poison'));
    await assert.rejects(stage.delivery.requeue('slack:T1:C1:p:0'), code('GH-DELIVERY-004'));
  });

  it('keeps a run that calls alive past its lease, and one that waits for people for as long as they take', async () => {
    await stage.open({ runLeaseSeconds: 2, runCallBudget: 100 });
    await stage.delivery.ingest([message({ text: 'busy' }), message({ text: 'waits', sender: 'U2' })]);
    await until('both dispatches', () => stage.n8n.dispatches.length === 2);
    const busy = stage.n8n.dispatches.find(
      (dispatch) => dispatch.envelope.data.content.text === 'busy',
    ) as Dispatch;
    const waits = stage.n8n.dispatches.find((dispatch) => dispatch !== busy) as Dispatch;
    const { runId } = await stage.delivery.authenticateRun(waits.run.token);
    await stage.within((tx) => stage.delivery.runWaiting(tx, runId, 'e1'));
    for (let n = 0; n < 8; n += 1) {
      await stage.delivery.authenticateRun(busy.run.token);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.equal(stage.n8n.dispatches.length, 2);
  });

  it('takes nothing while Postgres is away, says 503, and recovers without a restart', async () => {
    await stage.open();
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
    const { pool } = stage.database;
    const connect = pool.connect.bind(pool);
    Object.assign(pool, { connect: () => Promise.reject(new Error('ECONNREFUSED')) });
    const one = message({});
    await assert.rejects(
      stage.delivery.ingest([one]),
      (error) => error instanceof GatehouseError && error.status === 503,
    );
    Object.assign(pool, { connect });
    assert.deepEqual(await stage.delivery.ingest([one]), ['accepted']);
    await until('the reply', () => stage.channel.sent.length === 1);
  });
});

describe('a run token', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = new Stage();
    await stage.open();
  });
  afterEach(() => stage.close());

  it('carries a budget of calls, which also holds for calls at once and across a restart', async () => {
    await stage.delivery.ingest([message({})]);
    await until('the dispatch', () => stage.n8n.dispatches.length === 1);
    const { token } = (stage.n8n.dispatches[0] as Dispatch).run;
    const calls = await Promise.allSettled(
      Array.from({ length: 9 }, () => stage.delivery.authenticateRun(token)),
    );
    assert.equal(calls.filter((call) => call.status === 'fulfilled').length, 5);
    await stage.stopGateway();
    await stage.startGateway();
    await assert.rejects(stage.delivery.authenticateRun(token), code('GH-RUN-002'));
  });

  it('is refused when forged, when its run is over for a while, and is stored only as a hash', async () => {
    await assert.rejects(stage.delivery.authenticateRun('run_forged'), code('GH-RUN-001'));
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
    await stage.delivery.ingest([message({})]);
    await until('the reply', () => stage.channel.sent.length === 1);
    const { token } = (stage.n8n.dispatches[0] as Dispatch).run;
    const { rows } = await stage.database.pool.query('select * from runs');
    assert.ok(!JSON.stringify(rows).includes(token));
    await stage.database.pool.query(`update runs set finished_at = now() - interval '2 minutes'`);
    await stage.database.pool.query(`select pg_notify('delivery_run', '')`);
    await until('the refusal', async () =>
      stage.delivery.authenticateRun(token).then(
        () => false,
        (error: unknown) => code('GH-RUN-001')(error),
      ),
    );
  });

  it('of another n8n trigger names nobody, and asking again for the same item voids the first', async () => {
    const from = {
      trigger: { kind: 'schedule' },
      executionId: '7',
      workflowId: 'w',
      nodeId: 'n',
      itemIndex: 0,
    };
    const first = await stage.delivery.openRun(from);
    assert.equal(first.envelope.data.trust.ingress, 'none');
    const context = await stage.delivery.authenticateRun(first.run.token);
    assert.equal(context.principal, null);
    assert.deepEqual(context.actor.groups, []);
    const trigger = { kind: 'schedule', automation: 'morning-balance' };
    await assert.rejects(stage.delivery.openRun({ ...from, trigger, itemIndex: 1 }), code('GH-DELIVERY-009'));
    const declared = await stage.delivery.openRun({ ...from, trigger, itemIndex: 1, workflowId: 'declared' });
    const automation = await stage.delivery.authenticateRun(declared.run.token);
    assert.equal(automation.principal, 'automation:morning-balance');
    assert.deepEqual(automation.actor.roles, ['automation']);
    const second = await stage.delivery.openRun(from);
    assert.equal((await stage.delivery.authenticateRun(second.run.token)).runId, context.runId);
    await until('the first is void', async () =>
      stage.delivery.authenticateRun(first.run.token).then(
        () => false,
        (error: unknown) => code('GH-RUN-001')(error),
      ),
    );
  });
});
