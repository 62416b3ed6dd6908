import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { message, Stage, until } from './support.ts';

describe('a message through the gateway', () => {
  const stage = new Stage();
  before(() => stage.open());
  after(() => stage.close());
  beforeEach(() => {
    stage.n8n.dispatches.length = 0;
    stage.channel.sent.length = 0;
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
  });

  it('is dispatched signed, answered through its channel, closed and attested', async () => {
    assert.deepEqual(await stage.delivery.ingest([message({ text: '/help', nativeId: 'a1' })]), ['accepted']);
    await until('the reply', () => stage.channel.sent.length === 1);
    assert.deepEqual(stage.channel.sent[0]?.route, { channel: 'C1', thread: null });
    assert.equal(stage.texts()[0], 're: /help');
    assert.equal(stage.n8n.refused, 0);
    assert.equal(stage.n8n.dispatches[0]?.envelope.data.sender.principal, 'ann');
    assert.equal(await stage.stateOf('slack:T1:C1:a1:0'), 'done');
    const { rows } = await stage.database.pool.query<{ kind: string }>(
      `select kind from receipts where message_id = 'slack:T1:C1:a1:0' order by arrival`,
    );
    assert.deepEqual(
      rows.map((row) => row.kind),
      ['envelope', 'reply'],
    );
    const jobs = await stage.database.pool.query(`select 1 from pgboss.job where name = 'dispatch'`);
    assert.equal(jobs.rowCount, 0);
  });

  it('is taken once, however often it comes, also across a restart', async () => {
    const one = message({ nativeId: 'b1' });
    assert.deepEqual(await stage.delivery.ingest([one, one]), ['accepted', 'duplicate']);
    assert.deepEqual(await stage.delivery.ingest([one]), ['duplicate']);
    await until('the reply', () => stage.channel.sent.length === 1);
    await stage.stopGateway();
    await stage.startGateway();
    // Only Postgres knows it now; what comes with it in one batch is no worse for that.
    const other = message({ nativeId: 'b2' });
    assert.deepEqual(await stage.delivery.ingest([one, other]), ['duplicate', 'accepted']);
    await until('the other reply', () => stage.channel.sent.length === 2);
    assert.equal(stage.n8n.dispatches.length, 2);
    const { rows } = await stage.database.pool.query<{ n: number }>(
      `select count(*)::int as n from receipts where kind = 'envelope' and message_id like 'slack:T1:C1:b%'`,
    );
    assert.equal(rows[0]?.n, 2);
  });

  it('keeps the order within each of many sessions, one at a time', async () => {
    const open = new Map<string, number>();
    let overlaps = 0;
    stage.n8n.onRun = async (dispatch) => {
      const session = dispatch.envelope.subject;
      open.set(session, (open.get(session) ?? 0) + 1);
      if ((open.get(session) ?? 0) > 1) overlaps += 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
      open.set(session, (open.get(session) ?? 1) - 1);
      await stage.answer(dispatch);
    };
    const batch = [];
    for (let n = 0; n < 8; n += 1) {
      for (let user = 0; user < 6; user += 1)
        batch.push(message({ sender: `U${user}`, text: `${user}.${n}` }));
    }
    await Promise.all(batch.map((one) => stage.delivery.ingest([one])));
    await until('48 replies', () => stage.channel.sent.length === 48);
    assert.equal(overlaps, 0);
    for (let user = 0; user < 6; user += 1) {
      const mine = stage.texts().filter((text) => text.startsWith(`re: ${user}.`));
      assert.deepEqual(
        mine,
        [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `re: ${user}.${n}`),
      );
    }
  });

  it('runs at most n8nInflight turns at once', async () => {
    let open = 0;
    let most = 0;
    stage.n8n.onRun = async (dispatch) => {
      most = Math.max(most, (open += 1));
      await new Promise((resolve) => setTimeout(resolve, 20));
      open -= 1;
      await stage.answer(dispatch);
    };
    const batch = Array.from({ length: 25 }, (_, user) => message({ sender: `U-many-${user}` }));
    await stage.delivery.ingest(batch);
    await until('25 replies', () => stage.channel.sent.length === 25);
    assert.ok(most <= 10, `${most} at once`);
    assert.ok(most > 3, `${most} at once`);
  });

  it('starts a waiting run over when n8n lost it, and leaves one that runs already alone', async () => {
    let goOn = (): void => undefined;
    const told = new Promise<void>((resolve) => (goOn = resolve));
    stage.n8n.onRun = async (dispatch) => {
      const run = await stage.delivery.authenticateRun(dispatch.run.token);
      if (stage.n8n.dispatches.length > 1) return told.then(() => stage.answer(dispatch));
      await stage.within((tx) => stage.delivery.runWaiting(tx, run.runId, 'e1'));
    };
    await stage.delivery.ingest([message({ text: 'lost', nativeId: 'l1' })]);
    await until('a wait', async () => (await stage.stateOf('slack:T1:C1:l1:0')) === 'waiting');
    const first = stage.n8n.dispatches[0];
    assert.ok(first);
    const { runId } = await stage.delivery.authenticateRun(first.run.token);
    assert.equal(await stage.within((tx) => stage.delivery.runAgain(tx, runId)), true);
    assert.equal(await stage.within((tx) => stage.delivery.runAgain(tx, runId)), true);
    goOn();
    await until('the answer', () => stage.texts().includes('re: lost'));
    assert.equal(stage.n8n.dispatches.length, 2);
    await assert.rejects(stage.delivery.authenticateRun(first.run.token), { code: 'GH-RUN-001' });
    assert.equal(await stage.within((tx) => stage.delivery.runAgain(tx, runId)), false);
  });

  it('lets the next message go while the former waits for people', async () => {
    stage.n8n.onRun = async (dispatch) => {
      const run = await stage.delivery.authenticateRun(dispatch.run.token);
      if (dispatch.envelope.data.content.text !== 'pay') return stage.answer(dispatch);
      await stage.within((tx) => stage.delivery.runWaiting(tx, run.runId, 'e1'));
    };
    await stage.delivery.ingest([message({ text: 'pay', nativeId: 'w1' }), message({ text: 'next' })]);
    await until('the second reply', () => stage.texts().includes('re: next'));
    assert.equal(await stage.stateOf('slack:T1:C1:w1:0'), 'waiting');
    const paying = stage.n8n.dispatches[0];
    assert.ok(paying);
    const { runId } = await stage.delivery.authenticateRun(paying.run.token);
    assert.equal(await stage.within((tx) => stage.delivery.runResumed(tx, runId)), true);
    assert.equal(await stage.stateOf('slack:T1:C1:w1:0'), 'running');
    await stage.answer(paying);
    await until('the first reply', () => stage.texts().includes('re: pay'));
    assert.equal(await stage.within((tx) => stage.delivery.runDone(tx, runId)), false);
  });
});
