import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { loadCatalogue, type Catalogue } from '../../../gateway/catalogue/index.ts';
import { loadEngine } from '../../../gateway/policy/engine.ts';
import { judge, type Judgement } from '../../../gateway/policy/judge.ts';
import { questionOf } from '../../../gateway/policy/question.ts';
import { policiesDir, runOf } from './support.ts';

let folder: string;
let catalogue: Catalogue;
let decide: (tool: string, args: unknown) => Promise<Judgement>;

const publish = `
name: pages.publish
title: Publish
description: Publishes a document.
risk: write
args:
  type: object
  properties:
    document: { type: string, maxLength: 80 }
    documentHash: { type: string, maxLength: 80 }
  required: [document]
  additionalProperties: false
kinds: { document: content, documentHash: content }
pins: { document: { by: documentHash } }
sentence: Publish {document}
done: Published {document}.
idempotencyKey: attempt
secret: pages/postgres
connector:
  kind: postgres
  statement: update pages set public = true where name = $1 and sha256 = $2 returning name
  parameters: [args.document, args.documentHash]
  returns: row
`;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-names-'));
  await cp(policiesDir, folder, { recursive: true });
  await writeFile(join(folder, 'tools', 'pages.publish.yaml'), publish);
  catalogue = loadCatalogue(folder);
  const { data } = catalogue.read();
  const { engine } = await loadEngine(folder, { approvals: {}, tools: data });
  decide = (tool, args) =>
    judge(
      { engine, catalogue, clock: () => new Date() },
      questionOf(catalogue, runOf(), { tool, args, step: 'names' }),
    );
});
after(() => rm(folder, { recursive: true }));

const codeOf = async (tool: string, args: unknown): Promise<string | undefined> => {
  const { verdict } = await decide(tool, args);
  assert.equal(verdict.effect, 'deny');
  return verdict.reasons[0]?.code;
};

const names = [
  'Ledger.Balance',
  'LEDGER.BALANCE',
  'ledger.Balance',
  'ledger.balance.',
  'ledger.balance ',
  ' ledger.balance',
  '.ledger.balance',
  'ledger..balance',
  'ledger.balance\n',
  'ledger.balance\t',
  'ledger/balance',
  'ledger_balance',
  'ledger-balance',
  'ledger:balance',
  'ledgerbalance',
  'ledger.balance.yaml',
  '../tools/ledger.balance',
  'tools/ledger.balance',
  'ledger%2Ebalance',
  'ledger。balance',
  'ledger․balance',
  'ledger．balance',
  'ｌｅｄｇｅｒ.balance',
  'lеdger.balance',
  'ledger.bаlance',
  'ledger.balánce'.normalize('NFD'),
  'ledger\u200b.balance',
  'ledger.balance\u200d',
  '\ufeffledger.balance',
  'ledger.balance\u202e',
  'ledger.balance\u00ad',
  'ſledger.balance',
  'ledger.balance\u0301',
  'ledger.bala\u006e\u0307ce',
  '',
  '*',
  'ledger.*',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'ledger.__proto__',
];
for (const name of names) {
  test(`no other spelling finds a tool: ${JSON.stringify(name)}`, async () => {
    assert.equal(await codeOf(name, {}), 'tool_unknown');
    assert.equal(catalogue.get(name), undefined);
  });
}

test('no text but a tool’s own name finds it', () => {
  const known = catalogue.list().map((tool) => tool.name);
  const change = fc
    .tuple(fc.constantFrom(...known), fc.nat(30), fc.string({ unit: 'binary', maxLength: 1 }))
    .map(([name, at, mark]) => name.slice(0, at) + mark + name.slice(at));
  fc.assert(
    fc.property(fc.oneof(change, fc.string({ unit: 'binary' })), (name) => {
      fc.pre(!known.includes(name));
      assert.equal(catalogue.get(name), undefined);
    }),
  );
});

const extras = [
  '{"__proto__":{"text":"x"},"text":"x"}',
  '{"__proto__":{},"text":"x"}',
  '{"constructor":"x","text":"x"}',
  '{"toString":"x","text":"x"}',
  '{"text":"x","Text":"x"}',
  '{"text":"x","text ":"x"}',
  '{"text":"x","tеxt":"x"}',
  '{"text":"x","to":null}',
  '{"Text":"x"}',
  '{"ｔext":"x"}',
  '{"__proto__":{"text":"x"}}',
  '{}',
  '{"text":null}',
  '{"text":["x"]}',
  '{"text":{"x":1}}',
  '{"text":1}',
  '{"text":true}',
  '{"text":""}',
  '[]',
  '["x"]',
  'null',
  '"text"',
  '1',
];
for (const text of extras) {
  test(`arguments that are not exactly the declared ones are denied: ${text}`, async () => {
    assert.equal(await codeOf('conversation.reply', JSON.parse(text)), 'args_invalid');
  });
}

test('an inherited argument is none', async () => {
  assert.equal(await codeOf('conversation.reply', Object.create({ text: 'x' })), 'args_invalid');
});

test('a reference to changeable content without its version is denied, in words that mend it', async () => {
  const { verdict, grant, args } = await decide('pages.publish', { document: 'terms' });
  assert.equal(verdict.effect, 'deny');
  assert.deepEqual([grant, args], [null, null], 'there is nothing to approve');
  assert.equal(verdict.reasons[0]?.code, 'reference_not_pinned');
  assert.match(verdict.reasons[0]?.text ?? '', /Give documentHash: the SHA-256 of the content/);
  for (const documentHash of ['latest', 'main', '*', ''])
    assert.equal(await codeOf('pages.publish', { document: 'terms', documentHash }), 'reference_not_pinned');
});

test('the version is part of what is decided: another one is another call', async () => {
  const [one, other] = await Promise.all(
    ['a', 'b'].map((mark) => decide('pages.publish', { document: 'terms', documentHash: mark.repeat(64) })),
  );
  assert.notEqual(one?.verdict.effect, 'deny');
  assert.notEqual(one?.digest, other?.digest);
  assert.match(one?.args ?? '', /"documentHash":"a{64}"/);
});
