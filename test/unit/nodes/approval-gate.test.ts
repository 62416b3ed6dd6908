import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject, IRun } from 'n8n-workflow';
import { built } from './build.ts';
import { FakeGateway, signed } from './fake-gateway.ts';
import { Bench, EXECUTION_ID, outputs, type Setup } from './harness.ts';

const gateway = new FakeGateway();
const NODE_ID = '11111111-2222-4333-8444-555555555555';
const DEADLINE = '2030-01-01T00:00:00.000Z';

const item = (id: string, effect = 'approve'): { json: IDataObject } => ({
  json: {
    tool: 'ledger.transfer',
    args: { amount: '120' },
    run: { token: 'run_of_the_message' },
    grant: null,
    decision: { id, effect, tool: 'ledger.transfer', digest: `sha256:${id}`, reasons: [] },
  },
});

const outcome = (id: string, state = 'approved', more: IDataObject = {}): IDataObject => ({
  id,
  index: 0,
  state,
  tool: 'ledger.transfer',
  args: { amount: '120' },
  digest: `sha256:${id}`,
  grant: state === 'approved' ? `grant_${id}` : null,
  decidedAt: DEADLINE,
  by: [
    {
      principal: 'approver-a',
      display: 'Ada',
      verdict: 'approve',
      comment: null,
      channel: 'form',
      at: DEADLINE,
    },
  ],
  reason: null,
  ...more,
});

describe('Approval Gate', () => {
  let folder = '';
  before(async () => {
    await gateway.start();
    folder = await built();
  });
  after(() => gateway.stop());
  beforeEach(() => {
    gateway.reset();
    gateway.on('POST /v1/approvals', ({ body }) => ({
      body: {
        approvals: (body.items as Array<{ decision: string }>).map(({ decision }) => ({
          id: decision,
          state: 'pending',
          deadline: DEADLINE,
        })),
        waitUntil: DEADLINE,
      },
    }));
  });

  const gate = (setup: Partial<Setup> = {}) =>
    new Bench({
      folder,
      gatewayUrl: gateway.url,
      node: 'ApprovalGate',
      parameters: { operation: 'sendAndWait', run: 'run_of_the_message' },
      ...setup,
    });

  const message = (items: IDataObject[], gateOf: IDataObject = {}): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: 'dev.gatehouse.outcome.v1',
        gate: { executionId: EXECUTION_ID, nodeId: NODE_ID, ...gateOf },
        items,
      }),
    );
  const post = (bench: Bench, run: IRun, rawBody: Buffer, headers = signed(rawBody)) =>
    bench.webhook(run, { method: 'POST', headers, rawBody });

  it('registers each decision with its own signed path and waits until the gateway’s time', async () => {
    const run = await gate().run([item('dec_1'), item('dec_2', 'confirm')]);
    assert.equal(new Date(run.waitTill ?? 0).toISOString(), DEADLINE);
    const { items, ...rest } = gateway.calls[0]?.body ?? {};
    assert.deepEqual(rest, {
      run: 'run_of_the_message',
      executionId: EXECUTION_ID,
      nodeId: NODE_ID,
      edits: true,
    });
    const [first, second] = items as Array<{ decision: string; resumePath: string }>;
    assert.match(
      first?.resumePath ?? '',
      /^\/webhook-waiting\/42\/[0-9a-f-]{36}\?approval=dec_1&signature=[0-9a-f]{64}$/,
    );
    assert.match(second?.resumePath ?? '', /approval=dec_2&/);
    assert.notEqual(first?.resumePath.slice(-64), second?.resumePath.slice(-64));
  });

  it('sends each item out by its own outcome', async () => {
    const bench = gate();
    const run = await bench.run([item('dec_1'), item('dec_2'), item('dec_3')]);
    const body = message([
      outcome('dec_3'),
      outcome('dec_1'),
      outcome('dec_2', 'rejected', {
        by: [{ verdict: 'reject', display: 'Ada', comment: 'Too much.' }],
        reason: 'An approver rejected it.',
      }),
    ]);
    const answer = await post(bench, run, body);
    assert.deepEqual(answer.data.webhookResponse, { gatehouse: 'resumed' });
    const [blocked, approved] = outputs(await bench.resume(run, answer.data));
    assert.deepEqual(
      approved?.map((json) => json.grant),
      ['grant_dec_1', 'grant_dec_3'],
    );
    assert.deepEqual(approved?.[0]?.run, { token: 'run_of_the_message' });
    assert.equal(blocked?.length, 1);
    assert.equal(blocked?.[0]?.grant, null);
    assert.equal(blocked?.[0]?.text, 'Ada rejected the request: Too much. (approval_rejected)');
  });

  it('says what else the gateway knows of an end, and of one that expired nothing twice', async () => {
    const bench = gate();
    const run = await bench.run([item('dec_1'), item('dec_2')]);
    const body = message([
      outcome('dec_1', 'expired', { by: [], reason: 'Nobody decided it in time.' }),
      outcome('dec_2', 'undeliverable', { by: [], reason: 'Only 1 of 2 approvers can be reached.' }),
    ]);
    const answer = await post(bench, run, body);
    const [blocked] = outputs(await bench.resume(run, answer.data));
    assert.deepEqual(
      blocked?.map((json) => json.text),
      [
        'It was not decided in time, so nothing was done. Ask again if it is still needed. (approval_expired)',
        'The request could not be delivered, so nothing was done. Only 1 of 2 approvers can be reached. (approval_undeliverable)',
      ],
    );
  });

  for (const state of [
    'rejected',
    'expired',
    'cancelled',
    'superseded',
    'undeliverable',
    'error',
    'pending',
    'something',
  ]) {
    it(`blocks the outcome ${state}, even one that carries a grant`, async () => {
      const bench = gate();
      const run = await bench.run([item('dec_1')]);
      const answer = await post(bench, run, message([outcome('dec_1', state, { grant: 'grant_x' })]));
      const [blocked, approved] = outputs(await bench.resume(run, answer.data));
      assert.deepEqual([blocked?.length, approved?.length], [1, 0]);
      assert.ok(!JSON.stringify(blocked).includes('grant_x'));
    });
  }

  it('says expired on Blocked when n8n’s own time-out ends the wait', async () => {
    const bench = gate();
    const run = await bench.run([item('dec_1'), item('dec_2')]);
    const [blocked, ...others] = outputs(await bench.timeOut(run));
    assert.deepEqual(
      blocked?.map((json) => (json.blocked as IDataObject).code),
      ['approval_expired', 'approval_expired'],
    );
    assert.ok(blocked?.every((json) => json.grant === null));
    assert.deepEqual(others.flat(), []);
    assert.equal(gateway.calls.length, 1);
  });

  const forgeries: Array<[string, (body: Buffer) => [Buffer, Record<string, string>], number]> = [
    ['without a signature header', (body) => [body, { 'webhook-signature': '' }], 401],
    [
      'signed with another secret',
      (body) => [body, signed(body, Date.now(), `whsec_${'A'.repeat(40)}`)],
      401,
    ],
    [
      'changed after it was signed',
      (body) => [Buffer.from(body.toString().replace('120', '999')), signed(body)],
      401,
    ],
    ['ten minutes old', (body) => [body, signed(body, Date.now() - 600_000)], 401],
    ['ten minutes early', (body) => [body, signed(body, Date.now() + 600_000)], 401],
    ['that is no JSON', () => [Buffer.from('{'), signed('{')], 400],
  ];
  for (const [what, forge, status] of forgeries) {
    it(`keeps waiting at an outcome ${what}`, async () => {
      const bench = gate();
      const run = await bench.run([item('dec_1')]);
      const answer = await post(bench, run, ...forge(message([outcome('dec_1')])));
      assert.deepEqual(answer.data, { noWebhookResponse: true });
      assert.equal(answer.status, status);
    });
  }

  const strays: Array<[string, Buffer]> = [
    ['of another execution', message([outcome('dec_1')], { executionId: '41' })],
    ['of another node', message([outcome('dec_1')], { nodeId: 'other' })],
    ['of an earlier round of a loop', message([outcome('dec_0')])],
    ['for only some of the items', message([outcome('dec_2')])],
    ['of no item', message([])],
  ];
  for (const [what, body] of strays) {
    it(`keeps waiting at a signed outcome ${what}`, async () => {
      const bench = gate();
      const run = await bench.run([item('dec_1'), item('dec_2')]);
      const answer = await post(bench, run, body);
      assert.deepEqual(answer.data, { noWebhookResponse: true });
      assert.equal(answer.status, 409);
    });
  }

  it('blocks an approval of changed arguments, of another tool or without a grant', async () => {
    for (const change of [
      { digest: 'sha256:other' },
      { tool: 'customers.delete' },
      { grant: null },
      { grant: '' },
    ]) {
      const bench = gate();
      const run = await bench.run([item('dec_1')]);
      const answer = await post(bench, run, message([outcome('dec_1', 'approved', change)]));
      const [blocked, approved] = outputs(await bench.resume(run, answer.data));
      assert.deepEqual([blocked?.length, approved?.length], [1, 0]);
    }
  });

  it('hands on a call that people changed, with its own grant and who changed it', async () => {
    const bench = gate();
    const run = await bench.run([item('dec_1'), item('dec_2')]);
    const edited = { from: 'sha256:dec_1', by: [{ principal: 'approver-b', display: 'Bo' }] };
    const changed = {
      edited,
      decision: 'dec_1b',
      digest: 'sha256:changed',
      args: { amount: '100' },
      grant: 'grant_dec_1b',
    };
    const answer = await post(
      bench,
      run,
      message([outcome('dec_1', 'approved', changed), outcome('dec_2', 'approved', { edited: null })]),
    );
    const [, approved] = outputs(await bench.resume(run, answer.data));
    const [first, second] = approved ?? [];
    assert.deepEqual([first?.args, first?.grant], [{ amount: '100' }, 'grant_dec_1b']);
    const decision = first?.decision as IDataObject;
    assert.deepEqual([decision.id, decision.digest], ['dec_1b', 'sha256:changed']);
    assert.deepEqual((first?.approval as IDataObject).edited, { by: edited.by });
    assert.equal((second?.approval as IDataObject).edited, undefined);
  });

  it('blocks a changed call that was not changed from the one that waits here', async () => {
    for (const change of [
      { edited: { from: 'sha256:dec_9', by: [] } },
      { edited: { by: [] } },
      { edited: 'sha256:dec_1' },
      { edited: { from: 'sha256:dec_1', by: [] }, tool: 'customers.delete' },
    ]) {
      const bench = gate();
      const run = await bench.run([item('dec_1')]);
      const body = message([outcome('dec_1', 'approved', { digest: 'sha256:changed', ...change })]);
      const answer = await post(bench, run, body);
      const [blocked, approved] = outputs(await bench.resume(run, answer.data));
      assert.deepEqual([blocked?.length, approved?.length], [1, 0]);
    }
  });

  it('asks once for a decision that two items carry, and lets only one of them through', async () => {
    const bench = gate();
    const run = await bench.run([item('dec_1'), item('dec_1')]);
    assert.equal((gateway.calls[0]?.body.items as unknown[]).length, 1);
    const answer = await post(bench, run, message([outcome('dec_1')]));
    const [blocked, approved] = outputs(await bench.resume(run, answer.data));
    assert.equal(approved?.length, 1);
    assert.equal((blocked?.[0]?.blocked as IDataObject).code, 'decision_repeated');
  });

  it('blocks at once what is no decision to ask about, and what the gateway does not take', async () => {
    const odd = [
      { json: { approved: true, grant: 'grant_x' } },
      item('dec_1', 'allow'),
      item('dec_2', 'deny'),
    ];
    const run = await gate().run(odd);
    assert.equal(run.waitTill, undefined);
    assert.deepEqual(
      outputs(run).map((items) => items.length),
      [3, 0],
    );
    assert.equal(gateway.calls.length, 0);

    for (const answer of [
      { status: 400, body: { code: 'GH-APPROVAL-013', detail: 'It is not of this run.' } },
      { body: { approvals: [], waitUntil: DEADLINE } },
      { body: { approvals: [{ id: 'dec_1', state: 'pending', deadline: DEADLINE }], waitUntil: 'never' } },
    ]) {
      gateway.on('POST /v1/approvals', answer);
      const refused = await gate().run([item('dec_1')]);
      assert.equal(refused.waitTill, undefined);
      assert.deepEqual(
        outputs(refused).map((items) => items.length),
        [1, 0],
      );
    }
  });

  it('goes on at once when everything was settled before, as after a redispatch', async () => {
    const approvals = [
      { id: 'dec_1', state: 'approved', deadline: DEADLINE, outcome: outcome('dec_1') },
      { id: 'dec_2', state: 'expired', deadline: DEADLINE, outcome: outcome('dec_2', 'expired') },
    ];
    gateway.on('POST /v1/approvals', { body: { approvals, waitUntil: DEADLINE } });
    const run = await gate().run([item('dec_2'), item('dec_1')]);
    assert.equal(run.waitTill, undefined);
    const [blocked, approved] = outputs(run);
    assert.equal(approved?.[0]?.grant, 'grant_dec_1');
    assert.equal((blocked?.[0]?.blocked as IDataObject).code, 'approval_expired');
  });

  it('feeds nothing to Approved when it is disabled or told to continue or to always output', async () => {
    gateway.on('POST /v1/approvals', { status: 500, body: {} });
    for (const settings of [
      { disabled: true },
      { onError: 'continueRegularOutput' },
      { alwaysOutputData: true },
    ]) {
      const [, approved = []] = outputs(await gate({ settings }).run([item('dec_1')]));
      assert.equal(approved.length, 0);
    }
  });
});
