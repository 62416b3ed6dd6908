import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject, IRun } from 'n8n-workflow';
import { built } from './build.ts';
import { FakeGateway, signed } from './fake-gateway.ts';
import { Bench, EXECUTION_ID, outputs, RUN, RUN_BY_NAME, type Setup } from './harness.ts';

const gateway = new FakeGateway();
const NODE_ID = '11111111-2222-4333-8444-555555555555';
const LATER = '2030-01-01T00:00:00.000Z';

/** A run as the gateway shows it. */
const agentRun = (id: string, more: IDataObject = {}): IDataObject => ({
  id,
  state: 'running',
  endedBy: null,
  result: null,
  finishedAt: null,
  currency: 'EUR',
  used: { steps: 2, calls: 1, tokensIn: 900, tokensOut: 100, cost: 1500, seconds: 3 },
  steps: [{ number: 1, kind: 'prompt' }],
  receipts: ['receipt-1'],
  ...more,
});
const done = (id: string, more: IDataObject = {}): IDataObject =>
  agentRun(id, {
    state: 'done',
    endedBy: 'answer',
    result: { text: 'All sent.' },
    finishedAt: LATER,
    ...more,
  });

const item = (): { json: IDataObject } => ({ json: { run: { token: RUN }, secretOfTheItem: 1 } });

describe('Sandboxed Agent', () => {
  let folder = '';
  let started = 0;
  before(async () => {
    await gateway.start();
    folder = await built();
  });
  after(() => gateway.stop());
  beforeEach(() => {
    gateway.reset();
    started = 0;
    gateway.on('POST /v1/agent/waits', ({ body }) => ({
      body: { runs: (body.requests as unknown[]).map(() => agentRun(`run-${++started}`)), waitUntil: LATER },
    }));
  });

  const bench = (parameters: IDataObject = {}, setup: Partial<Setup> = {}) =>
    new Bench({
      folder,
      gatewayUrl: gateway.url,
      node: 'SandboxedAgent',
      parameters: { operation: 'runAgent', task: 'plan', run: '={{ $json.run.token }}', ...parameters },
      ...setup,
    });
  const ended = (items: IDataObject[], gate: IDataObject = {}): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: 'dev.gatehouse.agent-runs.v1',
        gate: { executionId: EXECUTION_ID, nodeId: NODE_ID, ...gate },
        items,
      }),
    );
  const post = (on: Bench, run: IRun, rawBody: Buffer, headers = signed(rawBody)) =>
    on.webhook(run, { method: 'POST', headers, rawBody });

  it('starts a run for each item and waits for them all at an address of n8n', async () => {
    const run = await bench().run([item(), item()]);
    assert.equal(new Date(run.waitTill ?? 0).toISOString(), LATER);
    assert.equal(gateway.calls.length, 1, 'one call, so that nothing is begun without its wait');
    const { resumePath, requests, ...wait } = gateway.calls[0]?.body ?? {};
    const steps = (requests as { step: string }[]).map(({ step }) => step);
    assert.match(steps.join(), /:0:0,.*:0:1/);
    assert.deepEqual(wait, {
      run: RUN,
      executionId: EXECUTION_ID,
      nodeId: NODE_ID,
    });
    assert.match(String(resumePath), new RegExp(`^/webhook-waiting/42/${NODE_ID}`));
  });

  it('asks only what its fields say', async () => {
    await bench({
      task: 'draft',
      prompt: 'Write reminders',
      template: 'mine',
      input: { mail: 'text', rows: [1] },
      offer: 'some',
      tools: ['mail.send'],
      modelClass: 'small',
      budget: { steps: 3, spend: '0.10' },
      schema: { type: 'object' },
    }).run([item()]);
    const [request] = gateway.calls[0]?.body.requests as IDataObject[];
    const { step: _step, ...asked } = request ?? {};
    assert.deepEqual(asked, {
      task: 'draft',
      prompt: 'Write reminders',
      template: 'mine',
      input: { mail: 'text', rows: '[1]' },
      tools: ['mail.send'],
      modelClass: 'small',
      budget: { steps: 3, spend: '0.10' },
      schema: { type: 'object' },
    });
  });

  it('goes on with how the runs ended: answer, costs, steps and receipts', async () => {
    const on = bench();
    const run = await on.run([item(), item()]);
    const failed = agentRun('run-2', {
      state: 'stopped',
      endedBy: 'budget',
      result: { text: 'The budget is spent.' },
      finishedAt: LATER,
    });
    const answer = await post(
      on,
      run,
      ended([failed, done('run-1', { result: { text: 'A', output: { b: 1 } } })]),
    );
    assert.deepEqual(answer.data.webhookResponse, { gatehouse: 'resumed' });
    const [notDone, all] = outputs(await on.resume(run, answer.data));
    const [first] = all ?? [];
    assert.deepEqual(
      { ...first, steps: 0 },
      {
        run: { token: RUN },
        agentRun: 'run-1',
        state: 'done',
        endedBy: 'answer',
        answer: 'A',
        text: 'A',
        output: { b: 1 },
        costs: {
          ...{ steps: 2, calls: 1, tokensIn: 900, tokensOut: 100, cost: 1500, seconds: 3 },
          spend: '0.001500',
          currency: 'EUR',
        },
        steps: 0,
        receipts: ['receipt-1'],
      },
    );
    assert.equal(notDone?.[0]?.text, 'The budget is spent. (budget)');
    assert.equal(notDone?.[0]?.endedBy, 'budget');
  });

  it('does not wait for runs that have ended already', async () => {
    gateway.on('POST /v1/agent/waits', { body: { runs: [done('run-1')], waitUntil: LATER } });
    const run = await bench().run([item()]);
    assert.equal(run.waitTill, undefined);
    assert.equal(outputs(run)[1]?.[0]?.answer, 'All sent.');
  });

  it('leaves on Not Done what cannot be started, without a wait', async () => {
    const refused = { code: 'no_model_configured', detail: 'None.', next: null };
    gateway.on('POST /v1/agent/waits', { body: { runs: [{ refused }], waitUntil: LATER } });
    const [notDone, none] = outputs(await bench({ prompt: 'Tidy up' }).run([item()]));
    assert.deepEqual([none, gateway.calls.length], [[], 1]);
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'no_model_configured');
  });

  it('begins nothing where the gateway does not take the wait', async () => {
    gateway.on('POST /v1/agent/waits', { status: 400, body: { code: 'GH-AGENT-013', detail: 'No.' } });
    const [notDone] = outputs(await bench().run([item()]));
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'GH-AGENT-013');
    assert.deepEqual([notDone?.[0]?.agentRun, gateway.calls.length], [undefined, 1]);
  });

  it('begins no run for an item of another message, and says so on it', async () => {
    gateway.on('POST /v1/agent/waits', { body: { runs: [done('run-1')], waitUntil: LATER } });
    const [notDone, finished] = outputs(await bench().run([item(), { json: { run: { token: `${RUN}x` } } }]));
    assert.equal((gateway.calls[0]?.body.requests as unknown[]).length, 1);
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'run_mixed');
    assert.equal(finished?.[0]?.agentRun, 'run-1');
  });

  it('says on Not Done that it did not end when n8n ends the wait by itself', async () => {
    const on = bench();
    const [notDone, none] = outputs(await on.timeOut(await on.run([item()])));
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'agent_run_unfinished');
    assert.deepEqual(none ?? [], []);
  });

  const forgeries: [string, (on: Bench, run: IRun) => ReturnType<typeof post>, number][] = [
    ['unsigned', (on, run) => post(on, run, ended([done('run-1')]), { 'webhook-signature': '' }), 401],
    ['of another run', (on, run) => post(on, run, ended([done('run-9')])), 409],
    ['with an outcome that is none', (on, run) => post(on, run, ended([done('run-1'), 7 as never])), 400],
    ['of another execution', (on, run) => post(on, run, ended([done('run-1')], { executionId: '41' })), 409],
    [
      'of an approval',
      (on, run) => post(on, run, Buffer.from('{"type":"dev.gatehouse.outcome.v1","items":[]}')),
      400,
    ],
    ['that is a visit', (on, run) => on.webhook(run, { method: 'GET' }), 401],
  ];
  for (const [what, send, status] of forgeries) {
    it(`keeps waiting at an end ${what}`, async () => {
      const on = bench();
      const answer = await send(on, await on.run([item()]));
      assert.deepEqual([answer.status, answer.data], [status, { noWebhookResponse: true }]);
    });
  }

  it('hands an agent of n8n its result on the one output that a model sees, without the run', async () => {
    const on = bench({ run: RUN_BY_NAME }, { variant: 'Tool' });
    const run = await on.run([item()]);
    const answer = await post(on, run, ended([done('run-1')]));
    const left = outputs(await on.resume(run, answer.data));
    assert.deepEqual([left.length, left[0]?.[0]?.answer], [1, 'All sent.']);
    assert.doesNotMatch(JSON.stringify(left), new RegExp(RUN));
  });

  const text = (parameters: IDataObject) => bench({ text: 'Dear all', ...parameters });

  it('asks about a text what its operation asks, and says whether it was cached', async () => {
    const answer = { status: 'done', output: 'Short.', cached: true, model: null, spend: '0', receipt: 'r' };
    gateway.on('POST /v1/agent/texts', { body: answer });
    const [, all] = outputs(await text({ operation: 'summarise', instructions: 'Briefly' }).run([item()]));
    assert.deepEqual(all, [{ task: 'summarise', run: { token: RUN }, ...answer }]);
    await text({ operation: 'extract', schema: '{"type":"object"}' }).run([item()]);
    await text({ operation: 'extract', schema: '{}' }).run([item()]);
    await text({ operation: 'classify', labels: 'invoice, other', modelClass: 'small' }).run([item()]);
    const common = { run: RUN, text: 'Dear all', step: '' };
    assert.deepEqual(
      gateway.calls.map(({ body }) => ({ ...body, step: '' })),
      [
        { ...common, task: 'summarise', instructions: 'Briefly' },
        { ...common, task: 'extract', schema: { type: 'object' } },
        { ...common, task: 'extract' },
        { ...common, task: 'classify', labels: ['invoice', 'other'], modelClass: 'small' },
      ],
    );
  });

  it('asks again for an answer that takes longer, by the same step, and not for ever', async () => {
    const pending = { status: 'failed', reasons: [{ code: 'text_pending', text: 'Later.' }], text: 'Later.' };
    const late = { status: 'done', output: 'Short.', cached: false, model: 'm', spend: '0', receipt: 'r' };
    let left = 2;
    gateway.on('POST /v1/agent/texts', () => ({ body: left-- > 0 ? pending : late }));
    const [, all] = outputs(await text({ operation: 'summarise' }).run([item()]));
    assert.equal(all?.[0]?.output, 'Short.');
    assert.equal(new Set(gateway.calls.map(({ body }) => body.step)).size, 1);
    gateway.reset();
    gateway.on('POST /v1/agent/texts', { body: pending });
    const [notDone] = outputs(await text({ operation: 'summarise' }).run([item()]));
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'text_pending');
    assert.equal(gateway.calls.length, 6);
  });

  it('leaves on Not Done a text that no model may read', async () => {
    const reasons = [{ code: 'no_model_fits', text: 'No model may read it.' }];
    gateway.on('POST /v1/agent/texts', { body: { status: 'failed', reasons, text: 'No.' } });
    const [notDone, none] = outputs(await text({ operation: 'summarise' }).run([item()]));
    assert.deepEqual([none, notDone?.[0]?.text], [[], 'No model may read it. (no_model_fits)']);
  });

  const code = { operation: 'runCode', language: 'python', code: 'print(1)', grant: '' };

  it('runs code in the sandbox with files, and says so when there is none', async () => {
    gateway.on('POST /v1/code/runs', { body: { status: 'succeeded', result: { stdout: '1' } } });
    const data = Buffer.from('a,b').toString('base64');
    const binary = { data: { data, mimeType: 'text/csv', fileName: 'in.csv' } };
    const files = { 'note.txt': 'hello', 'list.json': [1] };
    const hosts = 'api.example.com, files.example.com:8443';
    const on = bench({ ...code, binaryProperties: 'data', files, artefacts: 'out.csv, out.txt', hosts });
    const [, all] = outputs(await on.run([{ ...item(), binary }]));
    assert.deepEqual(all?.[0]?.result, { stdout: '1' });
    const { run: _run, step: _step, ...call } = gateway.calls[0]?.body ?? {};
    assert.deepEqual(call, {
      language: 'python',
      code: 'print(1)',
      files: [
        { path: 'in.csv', base64: data },
        { path: 'note.txt', text: 'hello' },
        { path: 'list.json', text: '[1]' },
      ],
      artefacts: ['out.csv', 'out.txt'],
      egress: [{ host: 'api.example.com' }, { host: 'files.example.com:8443' }],
    });

    const none = { status: 503, body: { code: 'sandbox_unavailable', detail: 'No Docker here.' } };
    gateway.on('POST /v1/code/runs', none);
    const [notDone] = outputs(await bench(code).run([item()]));
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'sandbox_unavailable');
  });

  it('names files that came with messages by their ids, and the gateway says whose they are', async () => {
    gateway.on('POST /v1/code/runs', { body: { status: 'succeeded', result: { stdout: '1' } } });
    const envelope = {
      data: { attachments: [{ id: 'a1', name: 'in.csv', mime: 'text/csv', bytes: 3 }, { id: 'a2' }] },
    };
    const filesFor = async (attachments: string): Promise<unknown> => {
      gateway.calls.length = 0;
      await bench({ ...code, attachments }).run([{ json: { ...item().json, envelope } }]);
      return gateway.calls[0]?.body.files;
    };
    const named = [
      { path: 'in.csv', attachment: 'a1' },
      { path: 'a2', attachment: 'a2' },
    ];
    assert.deepEqual(await filesFor('={{ $json.envelope.data.attachments }}'), named);
    assert.deepEqual(await filesFor('={{ $json.envelope.data.attachments[0] }}'), named.slice(0, 1));
    assert.deepEqual(await filesFor('a2, a3'), [named[1], { path: 'a3', attachment: 'a3' }]);
    assert.equal(await filesFor(''), undefined);

    const reasons = [{ code: 'attachment_unknown', text: 'No file of this id.' }];
    gateway.on('POST /v1/code/runs', { body: { status: 'failed', reasons } });
    const [notDone] = outputs(await bench({ ...code, attachments: 'a1' }).run([item()]));
    assert.equal((notDone?.[0]?.blocked as IDataObject).code, 'attachment_unknown');
  });

  it('runs nothing where its attachments are none', async () => {
    for (const attachments of ['={{ 7 }}', '={{ [{ name: "in.csv" }] }}', '={{ $json.absent }}']) {
      const [notDone] = outputs(await bench({ ...code, attachments }).run([item()]));
      assert.match(JSON.stringify(notDone), /Message Attachments/, attachments);
    }
    assert.equal(gateway.calls.length, 0);
  });
});
