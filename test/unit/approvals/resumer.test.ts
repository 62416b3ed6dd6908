import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { Approvals, ApprovalsDeps, ExecutionState, Outcome } from '../../../gateway/approvals/index.ts';
import { fakeN8n, resumed, type FakeN8n } from './fake-n8n.ts';
import {
  gateOf,
  openHouse,
  publicUrl,
  signingSecret,
  stateOf,
  until,
  type DecisionOptions,
  type House,
} from './support.ts';

let house: House;
let n8n: FakeN8n;
let gateway: Approvals;
let executionState: ExecutionState = 'waiting';
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(async () => {
  n8n = await fakeN8n();
  executionState = 'waiting';
  house.startsOver.allowed = true;
  for (const list of Object.values(house.seen)) list.length = 0;
  await house.database.pool.query(
    `update approvals set delivered_at = now(), state = 'cancelled' where delivered_at is null`,
  );
});
afterEach(async () => {
  await gateway.stop();
  await n8n.stop();
});

function open(more: Partial<ApprovalsDeps> = {}): Approvals {
  gateway = house.another({
    settings: { publicUrl, n8nUrl: n8n.url, approvalSeconds: 600 },
    executionState: () => Promise.resolve(executionState),
    ...more,
  });
  return gateway;
}

async function registered(options?: DecisionOptions) {
  const decision = await house.decision(options);
  const gate = gateOf([decision]);
  await gateway.register(decision.run, gate);
  return { ...decision, gate };
}

const approve = (approvalId: string) =>
  gateway.vote({ approvalId, principal: 'approver-a', verdict: 'approve', comment: 'ok', channel: 'web' });
const delivered = (id: string) => until(async () => (await stateOf(house, id)).delivered);

test('an approval reaches the waiting gate signed, with grant and votes, at its registered address', async () => {
  await open().start();
  const { id, gate, run } = await registered();
  await approve(id);
  await delivered(id);
  const call = n8n.calls[0];
  assert.equal(call?.url, gate.items[0]?.resumePath);
  const body = new Webhook(signingSecret).verify(
    call?.body ?? '',
    call?.headers as Record<string, string>,
  ) as {
    type: string;
    gate: unknown;
    items: Outcome[];
  };
  assert.equal(body.type, 'dev.gatehouse.outcome.v1');
  assert.deepEqual(body.gate, { executionId: gate.executionId, nodeId: 'node-1' });
  assert.equal(body.items[0]?.grant, `grant_${id}`);
  assert.equal(body.items[0]?.by[0]?.comment, 'ok');
  assert.equal(n8n.calls.length, 1);
  assert.deepEqual(house.seen.resumed, [run.runId]);
});

test('a gate of several items is resumed once, when the last of them is settled', async () => {
  await open().start();
  const first = await house.decision();
  const second = await house.decision({ run: first.run });
  await gateway.register(first.run, gateOf([first, second]));
  await approve(second.id);
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(n8n.calls.length, 0);
  await gateway.vote({ approvalId: first.id, principal: 'approver-b', verdict: 'reject', channel: 'web' });
  await delivered(first.id);
  assert.equal(n8n.calls.length, 1);
  const { items } = JSON.parse(n8n.calls[0]?.body ?? '{}') as { items: Outcome[] };
  assert.deepEqual(
    items.map((item) => [item.index, item.state, item.grant]),
    [
      [0, 'rejected', null],
      [1, 'approved', `grant_${second.id}`],
    ],
  );
});

const running = { status: 409, body: '{"message":"The execution \\"5\\" is running already."}' };

test('while the execution still runs towards its wait, the outcome is tried again', async () => {
  n8n.answers.unshift(running, { status: 503, body: 'n8n is starting up. Please wait' });
  await open().start();
  const { id } = await registered();
  await approve(id);
  await delivered(id);
  assert.equal(n8n.calls.length, 3);
  assert.equal((await stateOf(house, id)).state, 'approved');
});

test('a run that n8n calls running and never gets on with is dispatched again', async () => {
  for (let times = 0; times < 200; times += 1) n8n.answers.unshift(running);
  await open().start();
  const { id, run } = await registered();
  await approve(id);
  await until(() => Promise.resolve(house.seen.again.length === 1));
  assert.deepEqual(house.seen.again, [run.runId]);
  assert.ok(n8n.calls.length > 1, 'it was given time');
  await delivered(id);
});

test('an n8n that starts for long is waited for: its runs are not dispatched again', async () => {
  for (let times = 0; times < 5; times += 1) n8n.answers.unshift({ status: 503, body: 'starting' });
  await open().start();
  const { id } = await registered();
  await approve(id);
  await delivered(id);
  assert.equal(n8n.calls.length, 6);
  assert.deepEqual(house.seen.again, []);
});

test('n8n being down delays an outcome and loses nothing', async () => {
  const port = Number(new URL(n8n.url).port);
  await n8n.stop();
  await open({ executionState: undefined }).start();
  const { id } = await registered();
  await approve(id);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal((await stateOf(house, id)).delivered, false);
  n8n = await fakeN8n(port);
  await delivered(id);
  assert.equal((await stateOf(house, id)).state, 'approved');
});

test('an outcome that was decided before a kill is delivered by the next gateway', async () => {
  open();
  const { id } = await registered();
  await approve(id);
  assert.equal(n8n.calls.length, 0);
  await open().start();
  await delivered(id);
  assert.equal(n8n.calls.length, 1);
});

test('two gateways resume a run once', async () => {
  await open().start();
  const other = house.another({ settings: { publicUrl, n8nUrl: n8n.url, approvalSeconds: 600 } });
  await other.start();
  const ids = [];
  for (let index = 0; index < 6; index += 1) ids.push((await registered()).id);
  await Promise.all(ids.map(approve));
  for (const id of ids) await delivered(id);
  await other.stop();
  assert.equal(n8n.calls.length, 6);
});

const strange = [
  { status: 404, body: '{"message":"The execution \\"5\\" does not exist."}' },
  { status: 401, body: 'Invalid token' },
  { status: 409, body: '{"message":"The execution \\"5\\" has finished with error."}' },
  { status: 500, body: 'Error: at stack' },
  {
    status: 200,
    body: '<html><title>No action required</title></html>',
    headers: { 'content-type': 'text/html' },
  },
  { status: 200, body: '{"message":"Workflow was started"}' },
];
for (const answer of strange) {
  test(`a run that is gone makes the approval undeliverable, card closed (n8n says ${answer.status} ${answer.body.slice(0, 30)})`, async () => {
    n8n.answers.splice(0, 1, answer);
    executionState = 'gone';
    await open().start();
    const { id, run } = await registered();
    await approve(id);
    await until(async () => (await stateOf(house, id)).state === 'undeliverable');
    const last = house.seen.replies.at(-1);
    assert.equal(last?.final, true);
    assert.match(last.text, /could not be delivered.*Nothing was done/);
    assert.deepEqual(house.seen.done, [run.runId]);
    assert.deepEqual(house.seen.resumed, []);
    assert.match(house.seen.notices.at(-1)?.text ?? '', /could not be delivered/);
    // "Nothing was done" stays true: whoever still holds the run cannot use the approval afterwards.
    const { rows } = await house.database.pool.query('select from grants where decision_id = $1', [id]);
    assert.equal(rows.length, 0);
  });
}

test('a grant that is spent while its outcome is given up says that the outcome arrived', async () => {
  n8n.answers.splice(0, 1, { status: 404, body: '{}' });
  const spend = 'update grants set consumed_at = now() where decision_id = $1';
  let id = '';
  open({
    executionState: async () => {
      // The run spends the grant between the last look and the end of the approval.
      await house.database.pool.query(spend, [id]);
      return 'gone';
    },
  });
  ({ id } = await registered());
  await approve(id);
  await gateway.start();
  await delivered(id);
  assert.equal((await stateOf(house, id)).state, 'approved');
  assert.deepEqual(house.seen.done, []);
});

test('an execution that still waits is never given up because of a strange answer', async () => {
  n8n.answers.splice(0, 1, { status: 500, body: 'stack' });
  await open().start();
  const { id } = await registered();
  await approve(id);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal((await stateOf(house, id)).state, 'approved');
  n8n.answers.splice(0, 1, resumed);
  await delivered(id);
});

test('where executions cannot be looked up, a strange answer counts only after a while', async () => {
  n8n.answers.splice(0, 1, { status: 404, body: '{}' });
  await open({ executionState: undefined }).start();
  const { id } = await registered();
  const start = Date.now();
  await approve(id);
  await until(async () => (await stateOf(house, id)).state === 'undeliverable');
  assert.ok(Date.now() - start >= 150);
  assert.ok(n8n.calls.length >= 2);
});

test('a gateway killed after n8n took the outcome does not call it undeliverable', async () => {
  n8n.answers.splice(0, 1, { status: 200, body: '<title>No action required</title>' });
  executionState = 'gone';
  open();
  const { id } = await registered();
  await approve(id);
  // The run went on and spent the grant while no gateway was there to hear n8n's answer.
  await house.database.pool.query('update grants set consumed_at = now() where decision_id = $1', [id]);
  await gateway.start();
  await delivered(id);
  assert.equal((await stateOf(house, id)).state, 'approved');
  assert.deepEqual(house.seen.done, []);
});

test('a deadline passes by itself and the gate hears that it expired', async () => {
  await open({ settings: { publicUrl, n8nUrl: n8n.url, approvalSeconds: 1 } }).start();
  const { id } = await registered();
  await delivered(id);
  assert.equal((await stateOf(house, id)).state, 'expired');
  const { items } = JSON.parse(n8n.calls[0]?.body ?? '{}') as { items: Outcome[] };
  assert.equal(items[0]?.state, 'expired');
  assert.equal(items[0]?.grant, null);
  assert.deepEqual(house.seen.grants, []);
});

test('a request that was taken back reaches the gate as cancelled', async () => {
  await open().start();
  const { id } = await registered();
  await gateway.cancel(id, 'requester');
  await delivered(id);
  assert.equal((JSON.parse(n8n.calls[0]?.body ?? '{}') as { items: Outcome[] }).items[0]?.state, 'cancelled');
});

test('an execution that was stopped in n8n closes its open approvals', async () => {
  await open().start();
  const { id, run } = await registered();
  await house.database.pool.query(
    `update approvals set created_at = now() - interval '1 min' where id = $1`,
    [id],
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await stateOf(house, id)).state, 'pending');
  executionState = 'gone';
  await until(async () => (await stateOf(house, id)).state === 'cancelled');
  assert.equal(house.seen.replies.at(-1)?.final, true);
  assert.deepEqual(house.seen.done, [run.runId]);
  await assert.rejects(approve(id), { code: 'GH-APPROVAL-004' });
  assert.equal(n8n.calls.length, 0);
});

test('a look-up that fails closes nothing', async () => {
  await open({ executionState: () => Promise.reject(new Error('down')) }).start();
  const { id } = await registered();
  await house.database.pool.query(
    `update approvals set created_at = now() - interval '1 min' where id = $1`,
    [id],
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await stateOf(house, id)).state, 'pending');
});

for (const state of ['ended', 'absent'] as const) {
  test(`an outcome whose run n8n lost (${state}) waits for the run that starts over`, async () => {
    n8n.answers.splice(0, 1, { status: 404, body: '{}' });
    executionState = state;
    await open().start();
    const { id, run } = await registered();
    await approve(id);
    await delivered(id);
    assert.equal((await stateOf(house, id)).state, 'approved');
    assert.deepEqual(house.seen.again, [run.runId]);
    assert.deepEqual(house.seen.done, []);
  });
}

test('an outcome is undeliverable once its run was started over too often', async () => {
  n8n.answers.splice(0, 1, { status: 404, body: '{}' });
  executionState = 'ended';
  house.startsOver.allowed = false;
  await open().start();
  const { id } = await registered();
  await approve(id);
  await until(async () => (await stateOf(house, id)).state === 'undeliverable');
});

test('an open approval outlives the crash of its execution, with its votes', async () => {
  await open().start();
  const { id, run } = await registered();
  await house.database.pool.query(
    `update approvals set created_at = now() - interval '1 min' where id = $1`,
    [id],
  );
  executionState = 'ended';
  await until(() => Promise.resolve(house.seen.again.includes(run.runId)));
  assert.equal((await stateOf(house, id)).state, 'pending');
  house.startsOver.allowed = false;
  await until(async () => (await stateOf(house, id)).state === 'cancelled');
  assert.deepEqual(house.seen.done, [run.runId]);
});

test('an execution that was deleted in n8n closes its open approvals', async () => {
  await open().start();
  const { id } = await registered();
  await house.database.pool.query(
    `update approvals set created_at = now() - interval '1 min' where id = $1`,
    [id],
  );
  executionState = 'absent';
  await until(async () => (await stateOf(house, id)).state === 'cancelled');
  assert.deepEqual(house.seen.again, []);
});
