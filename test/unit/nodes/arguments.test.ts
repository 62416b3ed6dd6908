import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject, ResourceMapperField, ResourceMapperFields } from 'n8n-workflow';
import { built } from './build.ts';
import { FakeGateway } from './fake-gateway.ts';
import { Bench, outputs } from './harness.ts';

const gateway = new FakeGateway();
const tool = {
  name: 'tickets.open',
  title: 'Open a ticket',
  description: 'Opens one.',
  risk: 'write',
  args: {
    type: 'object',
    properties: {
      subject: { type: 'string', description: 'What it is about', maxLength: 80 },
      urgency: { enum: ['low', 'high'] },
      level: { type: 'integer', enum: [1, 2] },
      hours: { type: 'number' },
      count: { type: 'integer' },
      internal: { type: 'boolean' },
      tags: { type: 'array', items: { type: 'string' } },
      extra: { type: 'object' },
      source: { const: 'n8n' },
      either: { type: ['string', 'null'] },
    },
    required: ['subject', 'urgency'],
    additionalProperties: false,
  },
};

describe('the arguments of a tool in n8n', () => {
  let folder = '';
  before(async () => {
    await gateway.start();
    folder = await built();
  });
  after(() => gateway.stop());
  beforeEach(() => {
    gateway.reset();
    gateway.on('GET /v1/tools', { body: { tools: [tool] } });
  });

  const bench = (node: string, parameters: IDataObject) =>
    new Bench({
      folder,
      gatewayUrl: gateway.url,
      node,
      parameters: { run: 'run_of_the_message', ...parameters },
    });
  const fieldsOf = (parameters: IDataObject) =>
    bench('PolicyCheck', { call: 'fields', ...parameters }).editor<ResourceMapperFields>(
      'resourceMapping',
      'getArguments',
    );

  it('are fields of their types, with their choices, and required where the schema says so', async () => {
    const { fields } = await fieldsOf({ tool: 'tickets.open' });
    const short = ({ id, type, required, options }: ResourceMapperField): unknown[] => [
      id,
      type,
      required,
      ...(options ? [options.map(({ value }) => value)] : []),
    ];
    assert.deepEqual(fields.map(short), [
      ['subject', 'string', true],
      ['urgency', 'options', true, ['low', 'high']],
      ['level', 'options', false, [1, 2]],
      ['hours', 'number', false],
      ['count', 'number', false],
      ['internal', 'boolean', false],
      ['tags', 'array', false],
      ['extra', 'object', false],
      ['source', 'options', false, ['n8n']],
      ['either', 'string', false],
    ]);
    assert.equal(fields[0]?.displayName, 'subject');
    assert.ok(fields.every(({ display, canBeUsedToMatch }) => display && !canBeUsedToMatch));
  });

  it('are explained where there are none yet', async () => {
    for (const unknown of ['', '={{ $json.tool }}'])
      assert.match((await fieldsOf({ tool: unknown })).emptyFieldsNotice ?? '', /Choose a tool/);
    await assert.rejects(fieldsOf({ tool: 'tickets.Open' }), /no tool tickets\.Open/);
    gateway.on('GET /v1/tools', { status: 503, body: { code: 'GH-X', detail: 'Away.' } });
    await assert.rejects(fieldsOf({ tool: 'tickets.open' }), /Away\./);
  });

  it('are not waited for long where the gateway is away', async () => {
    gateway.on('GET /v1/tools', { status: 503, headers: { 'retry-after': '1' }, body: {} });
    await assert.rejects(fieldsOf({ tool: 'tickets.open' }), /The gateway answered 503\. \(http_503\)/);
    assert.equal(gateway.calls.length, 3);
  });

  const mapped = async (value: IDataObject | null, parameters: IDataObject = {}) => {
    const { fields: schema } = await fieldsOf({ tool: 'tickets.open' });
    gateway.on('POST /v1/decisions', { body: { id: 'dec_1', effect: 'deny', tool: tool.name, reasons: [] } });
    gateway.calls.length = 0;
    const fields = { mappingMode: 'defineBelow', value, schema };
    const run = await bench('PolicyCheck', {
      call: 'fields',
      tool: 'tickets.open',
      specify: 'fields',
      fields: fields,
      ...parameters,
    }).run([{ json: { said: 'broken', tries: '3' } }]);
    return { sent: gateway.calls[0]?.body.args, blocked: outputs(run)[0]?.[0] };
  };

  it('reach the decision in their types, and an empty one not at all', async () => {
    const { sent } = await mapped({
      subject: '=It is {{ $json.said }}',
      urgency: 'high',
      level: 2,
      hours: '1.5',
      count: '={{ $json.tries }}',
      internal: false,
      tags: '["a"]',
      extra: '{"a":{"b":1}}',
      source: null,
      either: '',
    });
    assert.deepEqual(sent, {
      subject: 'It is broken',
      urgency: 'high',
      level: 2,
      hours: 1.5,
      count: 3,
      internal: false,
      tags: ['a'],
      extra: { a: { b: 1 } },
    });
  });

  for (const [name, value] of [
    ['a choice that is none', { subject: 'x', urgency: "={{ 'lOw' }}" }],
    ['a text for a number', { subject: 'x', urgency: 'low', hours: '={{ $json.said }}' }],
    ['a required one that is missing', { subject: 'x', urgency: null }],
    ['an expression that fails', { subject: '={{ $json.a.b.c.d() }}', urgency: 'low' }],
  ] as [string, IDataObject][]) {
    it(`leave on Blocked, and nothing is asked: ${name}`, async () => {
      const { sent, blocked } = await mapped(value);
      assert.equal(sent, undefined);
      assert.equal((blocked?.blocked as IDataObject).code, 'node_error');
    });
  }

  it('can be one JSON object as well', async () => {
    const args = { subject: 'x', urgency: 'low' };
    const { sent } = await mapped(null, { specify: 'json', args: JSON.stringify(args) });
    assert.deepEqual(sent, args);
  });

  it('are the same in Vault Credential, which takes them from the item unless told otherwise', async () => {
    const { fields: schema } = await fieldsOf({ tool: 'tickets.open' });
    gateway.on('POST /v1/executions', { body: { status: 'succeeded' } });
    const json = { args: { subject: 'item' } };
    const common = { operation: 'execute', tool: 'tickets.open', grant: '' };
    await bench('VaultCredential', { ...common, args: '={{ $json.args }}' }).run([{ json }]);
    const value = { subject: '={{ $json.args.subject }}s', urgency: 'low' };
    const fields = { mappingMode: 'defineBelow', value, schema } as unknown as IDataObject;
    await bench('VaultCredential', { ...common, specify: 'fields', fields }).run([{ json }]);
    const sent = gateway.calls.filter(({ path }) => path === '/v1/executions').map(({ body }) => body.args);
    assert.deepEqual(sent, [{ subject: 'item' }, { subject: 'items', urgency: 'low' }]);
  });
});
