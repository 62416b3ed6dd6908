import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject, INodeExecutionData } from 'n8n-workflow';
import { EnvelopeSchema, type Envelope } from '../../../gateway/envelope/index.ts';
import { built } from './build.ts';
import { FakeGateway, signed } from './fake-gateway.ts';
import { Bench, EXECUTION_ID, outputs } from './harness.ts';

const gateway = new FakeGateway();
const sha256 = `sha256:${'0'.repeat(64)}`;
const session = 'abcdefghijklmnopqrstuvwxyz012345';
const time = '2026-11-01T10:00:00.000Z';
const run = { token: 'run_of_the_message', expiresAt: time };

const envelope: Envelope = {
  specversion: '1.0',
  id: 'web:local:rita:1:0',
  source: '/channels/web/local/rita',
  type: 'dev.gatehouse.message.created.v1',
  time,
  subject: `session/${session}`,
  datacontenttype: 'application/json',
  data: {
    event: 'created',
    channel: { kind: 'web', account: 'local', conversation: 'rita', thread: null, visibility: 'dm' },
    message: { nativeId: '1', replyTo: null, revision: 0 },
    sender: { nativeId: 'rita', principal: 'rita', display: 'Rita', isBot: false },
    trust: { ingress: 'session', sender: 'member', evidence: sha256 },
    content: {
      text: '/balance',
      mentions: [],
      command: { name: 'balance', words: [] },
      action: null,
      reaction: null,
    },
    attachments: [],
    email: null,
    calendar: null,
    session: { key: session, scope: 'per-sender' },
    delivery: { receivedAt: time, replyRoute: 'route' },
    raw: { ref: 'blob:1', sha256 },
  },
};

/** An item as n8n's Webhook node makes it with Raw Body on. */
function received(text: string, headers: Record<string, string> = signed(text)): INodeExecutionData {
  const data = { data: Buffer.from(text).toString('base64'), mimeType: 'application/json' };
  return { json: { headers, body: { envelope: 'not what is read' } }, binary: { data } };
}

describe('Envelope Normaliser', () => {
  let folder = '';
  before(async () => {
    await gateway.start();
    folder = await built();
  });
  after(() => gateway.stop());
  beforeEach(() => gateway.reset());

  const normalise = async (item: INodeExecutionData, parameters: IDataObject = { source: 'message' }) =>
    outputs(
      await new Bench({ folder, gatewayUrl: gateway.url, node: 'EnvelopeNormaliser', parameters }).run([
        item,
      ]),
    );
  const codeOf = (rejected: IDataObject[] | undefined) => (rejected?.[0]?.blocked as { code: string }).code;

  it('outputs the envelope and the run of a signed message, and drops the bytes and headers', async () => {
    const [rejected, passed] = await normalise(received(JSON.stringify({ envelope, run })));
    assert.deepEqual(rejected, []);
    assert.deepEqual(passed, [{ envelope, run }]);
    assert.ok(EnvelopeSchema.safeParse(passed?.[0]?.envelope).success);
  });

  it('hands on the call that the gateway read in a command, and nothing else of the message', async () => {
    const call = { tool: 'files.read', args: { path: 'a.txt' } };
    const [, passed] = await normalise(received(JSON.stringify({ envelope, run, call, other: 1 })));
    assert.deepEqual(passed, [{ envelope, run, call }]);
  });

  it('gives each listed command an output of its own, and everything else the envelope’s', async () => {
    const commands = 'pay\n\n /help, balance \nbalance';
    const leavesBy = async (name: string | null): Promise<number[]> => {
      const content = { ...envelope.data.content, command: name === null ? null : { name, words: [] } };
      const text = JSON.stringify({ envelope: { ...envelope, data: { ...envelope.data, content } }, run });
      const all = await normalise(received(text), { source: 'message', commands });
      return all.map((items) => items.length);
    };
    assert.deepEqual(await leavesBy('pay'), [0, 0, 1, 0, 0]);
    assert.deepEqual(await leavesBy('help'), [0, 0, 0, 1, 0]);
    assert.deepEqual(await leavesBy('balance'), [0, 0, 0, 1, 0]);
    assert.deepEqual(await leavesBy('payment'), [0, 1, 0, 0, 0]);
    assert.deepEqual(await leavesBy('constructor'), [0, 1, 0, 0, 0]);
    assert.deepEqual(await leavesBy(null), [0, 1, 0, 0, 0]);
  });

  it('rejects a forged message whatever command it holds', async () => {
    const text = JSON.stringify({ envelope, run });
    const forged = received(text, { ...signed(text), 'webhook-signature': 'v1,Zm9yZ2Vk' });
    const all = await normalise(forged, { source: 'message', commands: 'balance' });
    assert.deepEqual(
      all.map((items) => items.length),
      [1, 0, 0],
    );
  });

  it('answers a ping and outputs nothing', async () => {
    gateway.on('POST /v1/pings', { status: 204 });
    const ping = { ...envelope, id: 'ping-0001', data: { ...envelope.data, event: 'ping' } };
    assert.deepEqual((await normalise(received(JSON.stringify({ envelope: ping, run })))).flat(), []);
    assert.deepEqual(gateway.calls, [{ method: 'POST', path: '/v1/pings', body: { id: 'ping-0001' } }]);
  });

  const text = JSON.stringify({ envelope, run });
  const forged: Array<[string, INodeExecutionData]> = [
    ['no signature', received(text, {})],
    ['another secret', received(text, signed(text, Date.now(), `whsec_${'A'.repeat(40)}`))],
    ['one changed byte', received(text.replace('/balance', '/balancE'), signed(text))],
    ['six minutes of age', received(text, signed(text, Date.now() - 360_000))],
    ['six minutes of future', received(text, signed(text, Date.now() + 360_000))],
    ['a changed id', received(text, { ...signed(text), 'webhook-id': 'msg_2' })],
    [
      'the signature of another version only',
      received(text, { ...signed(text), 'webhook-signature': 'v1a,AAAA' }),
    ],
  ];
  for (const [what, item] of forged) {
    it(`rejects a message with ${what}`, async () => {
      const [rejected, passed] = await normalise(item);
      assert.deepEqual(passed, []);
      assert.equal(codeOf(rejected), 'signature_invalid');
      assert.ok(!JSON.stringify(rejected).includes('run_of_the_message'));
    });
  }

  it('takes one good signature among several, as during a change of the secret', async () => {
    const headers = signed(text);
    headers['webhook-signature'] = `v1,AAAA ${headers['webhook-signature']}`;
    assert.equal((await normalise(received(text, headers)))[1]?.length, 1);
  });

  it('rejects an item without its raw body, however good its JSON is', async () => {
    const item = {
      json: { headers: signed(text), body: { envelope, run } },
    } as unknown as INodeExecutionData;
    const [rejected, passed] = await normalise(item);
    assert.deepEqual(passed, []);
    assert.equal(codeOf(rejected), 'raw_body_missing');
  });

  const invalid: Array<[string, unknown]> = [
    ['no envelope', { run }],
    ['no run', { envelope }],
    ['a run without a token', { envelope, run: {} }],
    ['an unknown field', { envelope: { ...envelope, approved: true }, run }],
    [
      'a trust that no adapter gives',
      { envelope: { ...envelope, data: { ...envelope.data, trust: { ingress: 'admin' } } }, run },
    ],
    ['a time that is none', { envelope: { ...envelope, time: 'yesterday' }, run }],
    ['a list', [envelope]],
    ['null', null],
  ];
  for (const [what, message] of invalid) {
    it(`rejects a signed message with ${what}`, async () => {
      const [rejected, passed] = await normalise(received(JSON.stringify(message)));
      assert.deepEqual(passed, []);
      assert.match(codeOf(rejected), /^(envelope_invalid|run_missing)$/);
    });
  }

  it('has the gateway make an envelope of another trigger, and trusts nothing of the item', async () => {
    gateway.on('POST /v1/envelopes', { body: { envelope, run } });
    const parameters = { source: 'trigger', kind: 'form', text: '={{ $json.text }}', automation: '' };
    const [, passed] = await normalise({ json: { text: 'hello', principal: 'admin', run: 'x' } }, parameters);
    assert.deepEqual(passed, [{ envelope, run }]);
    assert.deepEqual(gateway.calls[0]?.body, {
      trigger: { kind: 'form', text: 'hello' },
      executionId: EXECUTION_ID,
      workflowId: 'workflow1',
      nodeId: '11111111-2222-4333-8444-555555555555',
      itemIndex: 0,
    });
  });

  it('rejects another trigger’s item when the gateway does', async () => {
    gateway.on('POST /v1/envelopes', { status: 403, body: { code: 'GH-RUN-005', detail: 'Not listed.' } });
    const [rejected, passed] = await normalise(
      { json: {} },
      { source: 'trigger', kind: 'schedule', text: '', automation: 'x' },
    );
    assert.deepEqual(passed, []);
    assert.equal(codeOf(rejected), 'GH-RUN-005');
  });
});
