import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkCatalogue, faultLine, loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { policiesDir } from '../policy/support.ts';

let folder: string;
let transfer: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-lint-'));
  await cp(policiesDir, folder, { recursive: true });
  transfer = await readFile(join(policiesDir, 'tools', 'ledger.transfer.yaml'), 'utf8');
});
after(() => rm(folder, { recursive: true }));

/** The faults of one file, which is gone again after it. */
async function faultsOf(text: string): Promise<string[]> {
  const file = join(folder, 'tools', 'a.yaml');
  await writeFile(file, text);
  const { faults } = checkCatalogue(folder);
  await rm(file);
  return faults.map((fault) => faultLine({ ...fault, file: 'a.yaml' }));
}

test('all files are checked, and all their faults are told at once', async () => {
  const broken = transfer
    .replace('name: ledger.transfer', 'name: ledger.second')
    .replace('risk: payment', 'risk: cheap')
    .replace('title: Pay', 'titel: Pay');
  await writeFile(join(folder, 'tools', 'one.yaml'), broken);
  await writeFile(join(folder, 'tools', 'two.yaml'), 'name: [');
  await writeFile(join(folder, 'tools', 'twin.yaml'), transfer);
  const { faults, tools } = checkCatalogue(folder);
  const found = faults.map(({ file, line, field }) => `${file.split('/').at(-1)}:${line} ${field}`);
  assert.deepEqual(found, [
    'one.yaml:1 title',
    'one.yaml:2 titel',
    'one.yaml:4 risk',
    'twin.yaml:1 name',
    'two.yaml:1 the file',
  ]);
  for (const { fault, remedy } of faults) {
    assert.notEqual(fault, '');
    assert.match(remedy, /^[A-Z].*\.$/s);
  }
  assert.ok(tools.has('ledger.transfer'), 'the good ones are read all the same');
  assert.throws(
    () => loadCatalogue(folder),
    (error: Error) => found.every((one) => error.message.includes(one.split(' ')[0] ?? '')),
  );
  for (const name of ['one', 'two', 'twin']) await rm(join(folder, 'tools', `${name}.yaml`));
});

const remedies: [string, string, string, RegExp][] = [
  ['a missing field', 'title: Pay\n', '', /^a\.yaml:1: title: is missing\. Write what people call it/],
  ['a wrong type', 'title: Pay', 'title: [Pay]', /^a\.yaml:2: title: is not of type string\. Write what/],
  [
    'a name',
    'name: ledger.transfer',
    'name: Ledger Transfer',
    /^a\.yaml:1: name: has another form\. Write lower-case words/,
  ],
  [
    'an unknown field',
    'title: Pay',
    'titel: Pay',
    /a\.yaml:2: titel: is not a field of a tool\. Remove it.*title/,
  ],
  [
    'a choice',
    'risk: payment',
    'risk: cheap',
    /a\.yaml:4: risk: .*expected one of .*unclassified.*\. Write its risk class/,
  ],
  [
    'a text that is too long',
    'title: Pay',
    `title: ${'x'.repeat(61)}`,
    /title: Too big.*<=60.*at most 60 characters/,
  ],
  [
    'an unknown connector',
    'kind: postgres',
    'kind: oracle',
    /a\.yaml:\d+: connector\.kind: .*postgres, postgres-query, rest, http, files, smtp, chat, gatehouse or code/,
  ],
  [
    'a name that programs reserve',
    '  payee: redirects',
    '  constructor: redirects',
    /kinds\.constructor: is a name that programs reserve/,
  ],
  [
    'two arguments that differ in case',
    '    reference:\n',
    '    Payee: { type: string, maxLength: 9 }\n    reference:\n',
    /args\.properties\.Payee: is not a name/,
  ],
  [
    'an alias',
    'title: Pay\ndescription: Pays an amount from the company account to a payee.',
    'title: &t Pay\ndescription: *t',
    /a\.yaml:1: the file: uses YAML aliases\. Write each value out/,
  ],
  [
    'an example that fails',
    "example: { amount: '120.00'",
    'example: { amount: 120',
    /a\.yaml:\d+: example\.amount: the example does not keep the schema: amount must be string\. Correct/,
  ],
  ['a schema with a reference', 'pattern: ^[A-Z]{3}$', "$ref: '#/x'", /args: a \$ref is not followed/],
];
for (const [name, good, bad, line] of remedies) {
  test(`a fault says what to write instead: ${name}`, async () => {
    assert.ok(transfer.includes(good));
    const faults = await faultsOf(
      transfer
        .replace('ledger.transfer\n', 'ledger.other\n')
        .replace(good.replace('ledger.transfer', 'ledger.other'), bad),
    );
    assert.ok(
      faults.some((fault) => line.test(fault)),
      faults.join('\n'),
    );
  });
}

test('a file that cannot be read, a list, a scalar and an empty file are faults as well', async () => {
  for (const text of ['', '- a', 'x', 'null', '__proto__: { name: a.b }', '--- a\n--- b']) {
    const faults = await faultsOf(text);
    assert.ok(faults.length > 0, text);
    for (const fault of faults) assert.match(fault, /^a\.yaml:\d+: .+: .+\. .+\.$/s);
  }
  await cp(join(folder, 'rego'), join(folder, 'tools', 'folder.yaml'), { recursive: true });
  const { faults } = checkCatalogue(folder);
  assert.equal(faults[0]?.fault, 'cannot be read');
  await rm(join(folder, 'tools', 'folder.yaml'), { recursive: true });
});

test('two arguments that differ in their case only are refused', async () => {
  const twin = transfer
    .replace('ledger.transfer', 'ledger.other')
    .replace('    reference:\n', '    payEe: { type: string, maxLength: 9 }\n    reference:\n')
    .replace('  reference: content', '  payEe: content\n  reference: content');
  assert.match((await faultsOf(twin)).join('\n'), /args\.payEe: differs from `payee` in its case only/);
});

test('a preview is one SELECT with its own parameters, of a connector that has one', async () => {
  const previews: [string, RegExp][] = [
    ['statement: update ledger set amount = 1 returning 1', /preview\.statement: a dry run is one SELECT/],
    ['statement: select 1; select 2', /preview\.statement: a dry run is one SELECT/],
    ['statement: with x as (delete from ledger returning id) select 1', /a dry run is one SELECT/],
    ["statement: select '; delete' as ok", /^$/],
    ['statement: select $1::text as ok', /preview\.parameters: the statement uses 1, the list has 0/],
    ['parameters: [args.nobody], statement: select $1::text as ok', /there is no argument `nobody`/],
    ['parameters: [attempt], statement: select $1::text as ok', /preview\.parameters/],
  ];
  const bare = transfer.slice(0, transfer.indexOf('preview:')).replace('ledger.transfer', 'ledger.other');
  for (const [preview, fault] of previews) {
    const [statement = '', ...rest] = preview.split('statement: ').toReversed();
    const text = `${bare}preview: { ${rest.join('')}statement: ${JSON.stringify(statement)}, columns: { ok: { label: Ok } } }\n`;
    assert.match((await faultsOf(text)).join('\n'), fault, preview);
  }
  const http = await readFile(join(policiesDir, 'tools', 'http.request.yaml'), 'utf8');
  const look = 'preview: { statement: select 1 as ok, columns: { ok: { label: Ok } } }\n';
  const looking = http.replace(/preview: .*\n/, look).replace('http.request', 'http.other');
  assert.match((await faultsOf(looking)).join('\n'), /preview: the connector http has no dry run/);
});
