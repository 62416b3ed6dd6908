import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tool } from '../../../gateway/catalogue/index.ts';
import { egressOf } from '../../../gateway/tools/connectors/code-egress.ts';

const connector = { kind: 'code', intercept: true };
const open = { connector } as Tool;
const listed = {
  connector,
  egress: {
    hosts: [{ host: 'api.example.com', paths: ['/v1'] }],
    methods: ['GET'],
    privateNetworks: [],
    secrets: [
      {
        ...{ name: 'github/token', header: 'authorization', prefix: 'Bearer ', plainHttp: false },
        hosts: [{ host: 'api.github.com', paths: ['/repos/acme/'] }],
      },
    ],
  },
} as unknown as Tool;
const asking = (tool: Tool, egress: object[], more: object = {}, secret?: string) =>
  egressOf(tool, { language: 'python', code: '1', egress, ...more }, secret);

test('code that asks for nothing has no network', () => {
  assert.equal(egressOf(open, { language: 'python', code: '1' }, undefined), undefined);
  assert.equal(asking(open, []), undefined);
});

test('what was asked for and decided is what the order opens', () => {
  const [rule, other] =
    asking(open, [
      { host: 'api.example.com', methods: ['GET'], paths: ['/v1'] },
      { host: 'api.example.com:8443' },
    ]) ?? [];
  assert.deepEqual(
    [rule?.host, rule?.port, rule?.methods, rule?.paths],
    ['api.example.com', 443, ['GET'], ['/v1']],
  );
  assert.deepEqual([rule?.intercept, rule?.privateNetworks, other?.port], [true, [], 8443]);
});

test('attack: the file of the tool bounds host, method and path', () => {
  assert.deepEqual(asking(listed, [{ host: 'api.example.com' }])?.[0]?.paths, ['/v1']);
  assert.deepEqual(asking(listed, [{ host: 'api.example.com', paths: ['/v1/a'] }])?.[0]?.methods, ['GET']);
  for (const egress of [
    { host: 'evil.example' },
    { host: 'api.example.com:8443' },
    { host: 'api.example.com', methods: ['POST'] },
    { host: 'api.example.com', paths: ['/v2'] },
    { host: 'api.example.com', paths: ['/v10'] },
    { host: 'api.example.com', paths: ['/'] },
  ])
    assert.throws(() => asking(listed, [egress]), { code: 'GH-TOOLS-020' }, JSON.stringify(egress));
});

test('attack: a host that many customers share is bound to an owner', () => {
  for (const host of ['api.github.com', 'storage.googleapis.com'])
    assert.throws(() => asking(open, [{ host }]), { code: 'GH-TOOLS-021' });
  assert.ok(asking(open, [{ host: 'api.github.com', paths: ['/repos/acme/'] }]));
});

test('a secret goes to its own hosts, and is not lent for others', () => {
  const rules = asking(
    listed,
    [{ host: 'api.github.com' }, { host: 'api.example.com' }],
    { secret: 'github/token' },
    'value',
  );
  assert.equal(rules?.[0]?.secret?.value, 'value');
  assert.deepEqual(rules[0]?.paths, ['/repos/acme/']);
  assert.equal(rules[1]?.secret, undefined);
  assert.throws(() => asking(listed, [{ host: 'api.example.com' }], { secret: 'github/token' }, 'value'), {
    code: 'GH-TOOLS-013',
  });
});
