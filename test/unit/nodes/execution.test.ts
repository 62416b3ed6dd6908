import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject } from 'n8n-workflow';
import { built } from './build.ts';
import { FakeGateway } from './fake-gateway.ts';
import { Bench, outputs, RUN, RUN_BY_NAME, type Setup } from './harness.ts';

const gateway = new FakeGateway();
const done = {
  status: 'succeeded',
  text: 'The balance is 1.00 EUR.',
  receipt: '01900000-0000-7000-8000-000000000000',
};
const item = {
  json: { tool: 'ledger.balance', args: { of: 'main' }, grant: 'grant_1', run: { token: 'run_1' } },
};
const fromItem = {
  operation: 'execute',
  tool: '={{ $json.tool }}',
  args: '={{ $json.args }}',
  grant: '={{ $json.grant }}',
  run: '={{ $json.run.token }}',
};

describe('Vault Credential', () => {
  let folder = '';
  before(async () => {
    await gateway.start();
    folder = await built();
  });
  after(() => gateway.stop());
  beforeEach(() => {
    gateway.reset();
    gateway.on('POST /v1/executions', { body: done });
  });

  const bench = (parameters: IDataObject, setup: Partial<Setup> = {}) =>
    new Bench({ folder, gatewayUrl: gateway.url, node: 'VaultCredential', parameters, ...setup });

  it('runs a call with its grant and says what came of it', async () => {
    const [notDone, ended] = outputs(await bench(fromItem).run([item]));
    assert.deepEqual(notDone, []);
    assert.deepEqual(ended, [{ tool: 'ledger.balance', run: { token: 'run_1' }, ...done }]);
    const { step, ...call } = gateway.calls[0]?.body ?? {};
    assert.deepEqual(call, { run: 'run_1', tool: 'ledger.balance', args: { of: 'main' }, grant: 'grant_1' });
    assert.match(String(step), /:0:0$/);
  });

  it('leaves the decision to the gateway when there is no grant', async () => {
    await bench(fromItem).run([{ json: { ...item.json, grant: null } }]);
    assert.ok(!('grant' in (gateway.calls[0]?.body ?? {})));
  });

  for (const status of ['failed', 'denied', 'needs_approval', 'unknown', 'perhaps', undefined]) {
    it(`leaves on Not Done when the gateway says ${status}`, async () => {
      const reasons = status === 'denied' ? [{ code: 'policy.none', text: 'No rule allows it.' }] : undefined;
      gateway.on('POST /v1/executions', { body: { status, result: null, reasons } });
      const [notDone, ended] = outputs(await bench(fromItem).run([item]));
      assert.deepEqual(ended, []);
      assert.ok((notDone?.[0]?.text as string).length > 10);
      if (status === 'denied') assert.equal(notDone?.[0]?.text, 'No rule allows it. (policy.none)');
    });
  }

  it('has the gateway tell the outcome where it is asked to', async () => {
    await bench({ ...fromItem, reply: true }).run([item]);
    assert.equal(gateway.calls[0]?.body.reply, true);
  });

  it('takes only what the item itself holds, not what every object has', async () => {
    for (const field of ['constructor', '__proto__', 'toString']) {
      const [notDone] = outputs(await bench({ ...fromItem, args: `={{ $json.${field} }}` }).run([item]));
      assert.equal(notDone?.length, 1, field);
    }
    assert.equal(gateway.calls.length, 0);
  });

  it('names the field to fill where the tool, the run or the arguments are missing', async () => {
    const told = async (parameters: IDataObject): Promise<string> =>
      outputs(await bench({ ...fromItem, ...parameters }).run([item]))[0]?.[0]?.text as string;
    assert.match(await told({ tool: '' }), /No tool is chosen.* Choose one in the node/);
    assert.match(await told({ run: '={{ $json.nobody }}' }), /The field Run is empty.* Envelope Normaliser/);
    assert.match(await told({ args: '[1]' }), /The field Arguments is not a JSON object/);
    assert.equal(gateway.calls.length, 0);
  });

  it('is a dry run in the editor, unless its switch says otherwise', async () => {
    await bench(fromItem, { mode: 'manual' }).run([item]);
    await bench({ ...fromItem, runInEditor: true }, { mode: 'manual' }).run([item]);
    await bench(fromItem).run([item]);
    assert.deepEqual(
      gateway.calls.map(({ body }) => body.dryRun),
      [true, undefined, undefined],
    );
  });

  it('hands an agent its typed result on the one output that a model sees', async () => {
    const parameters = {
      operation: 'execute',
      tool: 'ledger.balance',
      args: '={{ $json.args }}',
      run: RUN_BY_NAME,
    };
    assert.equal(
      outputs(await bench(parameters, { variant: 'Tool' }).run([item]))[0]?.[0]?.status,
      'succeeded',
    );
    // The item is the model's here: a grant, tool or run that it names is not taken.
    assert.deepEqual(
      { ...gateway.calls[0]?.body, step: '' },
      { run: RUN, tool: 'ledger.balance', args: { of: 'main' }, step: '' },
    );
    gateway.on('POST /v1/executions', { body: { status: 'denied', reasons: [{ code: 'c', text: 'No.' }] } });
    const refused = outputs(await bench(parameters, { variant: 'Tool' }).run([item]));
    assert.deepEqual([refused.length, refused[0]?.[0]?.status], [1, 'denied']);
    assert.doesNotMatch(JSON.stringify(refused), new RegExp(RUN), 'the model gets no run token');
  });

  it('takes no run from the item of an agent', async () => {
    for (const run of ['={{ $json.run.token }}', "={{ $fromAI('run') }}", 'run_of_somebody_else']) {
      const parameters = { operation: 'execute', tool: 'ledger.balance', args: '{}', run };
      const left = outputs(await bench(parameters, { variant: 'Tool' }).run([item]));
      assert.match(JSON.stringify(left[0]?.[0]?.text), /by name/);
    }
    assert.equal(gateway.calls.length, 0);
  });

  it('makes an HTTP request as a call of http.request that names its secret', async () => {
    await bench({
      operation: 'httpRequest',
      method: 'POST',
      url: 'https://api.example.com/v1/things',
      entry: 'example/token',
      headers: '{"x-count": 3}',
      body: 'text',
      grant: '',
      run: 'run_1',
    }).run([item]);
    const { tool, args } = gateway.calls[0]?.body ?? {};
    assert.equal(tool, 'http.request');
    assert.deepEqual(args, {
      method: 'POST',
      url: 'https://api.example.com/v1/things',
      headers: { 'x-count': '3' },
      body: 'text',
      secret: 'example/token',
    });
  });

  it('keeps the client token and signing secret out of items, errors and run data', async () => {
    const fixed = { ...fromItem, args: '{' };
    const runs = [
      await bench(fromItem).run([item]),
      await bench(fixed).run([item]),
      await bench(fromItem, { gatewayUrl: 'http://127.0.0.1:9' }).run([item]),
      await bench(fromItem, {
        gatewayUrl: 'not an address',
        settings: { onError: 'continueErrorOutput' },
      }).run([item]),
    ];
    for (const run of runs) {
      const text = JSON.stringify(run, (_key, value: unknown) =>
        value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value,
      );
      assert.doesNotMatch(text, /client_token_of_the_test|whsec_/);
    }
  });
});
