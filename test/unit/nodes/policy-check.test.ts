import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject } from 'n8n-workflow';
import { built } from './build.ts';
import { FakeGateway } from './fake-gateway.ts';
import { Bench, outputs, type Setup } from './harness.ts';

const gateway = new FakeGateway();
const call = { tool: 'ledger.transfer', args: { amount: '120', currency: 'EUR' } };
const decision = {
  id: 'dec_1',
  effect: 'allow',
  tool: call.tool,
  digest: `sha256:${'a'.repeat(64)}`,
  reasons: [{ code: 'policy.read', text: 'Anyone may.' }],
  approvers: null,
  grant: 'grant_1',
  policy: { version: '1', engine: 'wasm' },
  expiresAt: '2026-11-01T10:00:00Z',
};

describe('Policy Check', () => {
  let folder = '';
  before(async () => {
    await gateway.start();
    folder = await built();
  });
  after(() => gateway.stop());
  beforeEach(() => gateway.reset());

  const bench = (setup: Partial<Setup> = {}) =>
    new Bench({
      folder,
      gatewayUrl: gateway.url,
      node: 'PolicyCheck',
      parameters: { call: 'item', run: 'run_of_the_message' },
      ...setup,
    });
  const decide = async (json: IDataObject, answer: object = decision) => {
    gateway.on('POST /v1/decisions', { body: answer });
    return outputs(await bench().run([{ json }]));
  };

  it('sends an allowed call to Allowed with its grant', async () => {
    const [blocked, allowed, asks] = await decide(call);
    assert.deepEqual([blocked, asks], [[], []]);
    assert.equal(allowed?.[0]?.grant, 'grant_1');
    assert.deepEqual(allowed?.[0]?.args, call.args);
    assert.deepEqual(gateway.calls[0]?.body, {
      run: 'run_of_the_message',
      ...call,
      step: '11111111-2222-4333-8444-555555555555:0:0',
    });
  });

  for (const effect of ['confirm', 'approve']) {
    it(`sends a call whose effect is ${effect} to Ask without a grant, even if one came along`, async () => {
      const [blocked, allowed, asks] = await decide(call, { ...decision, effect });
      assert.deepEqual([blocked, allowed], [[], []]);
      assert.equal(asks?.[0]?.grant, null);
      assert.ok(!JSON.stringify(asks).includes('grant_1'));
    });
  }

  it('says why a denied call is blocked', async () => {
    const denied = {
      ...decision,
      effect: 'deny',
      grant: null,
      reasons: [{ code: 'policy.none', text: 'No rule allows it.' }],
    };
    const [blocked, ...others] = await decide(call, denied);
    assert.deepEqual(others, [[], []]);
    assert.equal(blocked?.[0]?.text, 'No rule allows it. (policy.none)');
  });

  const unknown: Array<[string, object]> = [
    ['an effect it does not know', { ...decision, effect: 'permit' }],
    ['an allow without a grant', { ...decision, grant: null }],
    ['a decision about another tool', { ...decision, tool: 'ledger.balance' }],
    ['an empty answer', {}],
    ['a list', [decision]],
  ];
  for (const [what, answer] of unknown) {
    it(`blocks ${what}`, async () => {
      const [blocked, allowed, asks] = await decide(call, answer);
      assert.equal(blocked?.length, 1);
      assert.deepEqual([allowed, asks], [[], []]);
      assert.equal(blocked?.[0]?.grant, null);
    });
  }

  const items: Array<[string, IDataObject, string]> = [
    ['another top-level key', { ...call, approved: true }, 'unmapped_fields'],
    ['a grant of its own', { ...call, grant: 'grant_stolen' }, 'unmapped_fields'],
    ['no tool', { args: {} }, 'call_missing'],
    ['a list for args', { tool: 'x', args: [] as never }, 'call_missing'],
    ['args as text', { tool: 'x', args: '{}' }, 'call_missing'],
  ];
  for (const [what, json, code] of items) {
    it(`blocks an item with ${what} without asking`, async () => {
      const [blocked] = await decide(json);
      assert.equal((blocked?.[0]?.blocked as IDataObject).code, code);
      assert.equal(gateway.calls.length, 0);
    });
  }

  it('blocks what the gateway refuses, with its code and advice', async () => {
    const body = { code: 'GH-RUN-001', detail: 'The run is over.', next: 'Send it again.', status: 403 };
    gateway.on('POST /v1/decisions', { status: 403, body });
    const [blocked] = outputs(await bench().run([{ json: call }]));
    assert.equal(blocked?.[0]?.text, 'The run is over. Send it again. (GH-RUN-001)');
  });

  it('asks again when the gateway comes back, and blocks when it does not', async () => {
    let attempts = 0;
    gateway.on('POST /v1/decisions', () =>
      ++attempts < 2
        ? { status: 503, headers: { 'retry-after': '1' }, body: { code: 'GH-STORE-001' } }
        : { body: decision },
    );
    assert.equal(outputs(await bench().run([{ json: call }]))[1]?.length, 1);
    const gone = await bench({ gatewayUrl: 'http://127.0.0.1:9' }).run([{ json: call }]);
    assert.equal((outputs(gone)[0]?.[0]?.blocked as IDataObject).code, 'gateway_unreachable');
    assert.equal(outputs(gone)[1]?.length, 0);
  });

  it('blocks without a run, without a credential, and at a broken expression', async () => {
    for (const [parameters, credentials] of [
      [{ call: 'item', run: '={{ "" }}' }, true],
      [{ call: 'item', run: "={{ $('Nowhere').item.json.run.token }}" }, true],
      [{ call: 'item', run: 'run_of_the_message' }, false],
    ] as const) {
      const run = await bench({ parameters, credentials }).run([{ json: call }]);
      const [blocked = [], allowed = []] = outputs(run);
      assert.equal(allowed.length, 0);
      assert.ok(blocked.length === 1 || run.data.resultData.error !== undefined);
    }
    assert.equal(gateway.calls.length, 0);
  });

  it('decides each item by itself, and each knows the item it came from', async () => {
    gateway.on('POST /v1/decisions', ({ body }) => {
      const effect = { 'a.a': 'deny', 'b.b': 'allow', 'c.c': 'approve' }[body.tool as string];
      return { body: { ...decision, effect, tool: body.tool, grant: effect === 'allow' ? 'grant_b' : null } };
    });
    const run = await bench().run(['b.b', 'a.a', 'b.b', 'c.c'].map((tool) => ({ json: { tool, args: {} } })));
    assert.deepEqual(
      outputs(run).map((items) => items.length),
      [1, 2, 1],
    );
    const main = run.data.resultData.runData.Gate?.[0]?.data?.main ?? [];
    assert.deepEqual(
      main[1]?.map((item) => item.pairedItem),
      [{ item: 0 }, { item: 2 }],
    );
    assert.deepEqual(gateway.calls.map((each) => String(each.body.step).split(':').at(-1)).sort(), [
      '0',
      '1',
      '2',
      '3',
    ]);
  });

  it('feeds nothing to Allowed when it is disabled, told to continue on errors, or to always output', async () => {
    gateway.on('POST /v1/decisions', { status: 500, body: { code: 'GH-X', detail: 'Broken.' } });
    for (const settings of [
      { disabled: true },
      { onError: 'continueRegularOutput' },
      { alwaysOutputData: true },
    ]) {
      const run = await bench({ settings }).run([{ json: call }]);
      const [first = [], ...others] = outputs(run);
      assert.equal(first.length, 1);
      assert.ok(others.every((items) => items.length === 0));
    }
  });
});
