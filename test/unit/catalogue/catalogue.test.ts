import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadCatalogue, parseTool, renderSentence, riskClasses } from '../../../gateway/catalogue/index.ts';
import { compileArguments } from '../../../gateway/catalogue/arguments.ts';
import { digestOfText } from '../../../gateway/envelope/index.ts';
import { policiesDir } from '../policy/support.ts';

const transfer = await readFile(join(policiesDir, 'tools', 'ledger.transfer.yaml'), 'utf8');

test('every shipped tool loads and has a known risk', () => {
  const tools = loadCatalogue(policiesDir).list();
  assert.ok(tools.length >= 11);
  for (const tool of tools) assert.ok(riskClasses.includes(tool.risk));
});

const faults: [string, string, string, RegExp][] = [
  ['a syntax error', 'risk: payment', 'risk: [payment', /pay\.yaml:\d+: /],
  ['a key used twice', 'title: Pay', 'title: Pay\ntitle: Pay', /pay\.yaml:3: /],
  ['an unknown risk', 'risk: payment', 'risk: cheap', /pay\.yaml:4: risk/],
  ['an unknown key', 'title: Pay', 'titel: Pay', /pay\.yaml:2: titel|pay\.yaml:1: title/],
  ['an argument without a kind', '  payee: redirects\n', '', /kinds: say what the argument `payee` decides/],
  [
    'a kind without an argument',
    '  payee: redirects',
    '  payee: redirects\n  iban: redirects',
    /there is no argument `iban`/,
  ],
  ['an open schema', 'additionalProperties: false', 'additionalProperties: true', /must be false/],
  [
    'a text without a bound',
    '      minLength: 1\n      maxLength: 80',
    '      minLength: 1',
    /args\.payee: give the text a maxLength/,
  ],
  [
    'a payment without money',
    'money: { amount: amount, currency: currency }\n',
    '',
    /a payment says which arguments/,
  ],
  [
    'a sentence that names nothing',
    'sentence: Pay {amount:money}',
    'sentence: Pay {sum:money}',
    /there is no argument `sum`/,
  ],
  [
    'a statement with another number of parameters',
    'args.reference, attempt',
    'attempt',
    /the statement uses 6, the list has 5/,
  ],
  ['a parameter that is no argument', 'args.reference', 'args.iban', /there is no argument `iban`/],
  ['a connection without a secret', 'secret: demo/postgres\n', '', /secret: name the secret/],
  ['a schema that is none', 'pattern: ^[A-Z]{3}$', 'pattern: "["', /args: /],
];
for (const [name, good, bad, message] of faults) {
  test(`a broken file names line and remedy: ${name}`, () => {
    assert.ok(transfer.includes(good), 'the sample has the part that is broken');
    assert.throws(() => parseTool('pay.yaml', transfer.replace(good, bad)), {
      code: 'GH-CATALOGUE-001',
      message,
    });
  });
}

test('arguments are case-exact, closed and never coerced', () => {
  const { check } = parseTool('pay.yaml', transfer);
  const good = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'r' };
  assert.equal(check(good), null);
  for (const [change, field] of [
    [{ Payee: 'x' }, 'Payee'],
    [{ amount: 120 }, 'amount'],
    [{ currency: 'eur' }, 'currency'],
    [{ payee: undefined }, 'payee'],
    [{ payee: ['ACME'] }, 'payee'],
    [{ payee: 'x'.repeat(81) }, 'payee'],
  ] as const) {
    assert.equal(check({ ...good, ...change })?.field, field);
  }
});

test('the version follows the files, and a broken reload keeps the last good tools', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-catalogue-'));
  await cp(policiesDir, folder, { recursive: true });
  const catalogue = loadCatalogue(folder);
  const { version } = catalogue;
  await cp(join(folder, 'tools', 'ledger.balance.yaml'), join(folder, 'tools', 'twin.yaml'));
  assert.throws(() => catalogue.read(), { code: 'GH-CATALOGUE-002' });
  assert.equal(catalogue.version, version);
  assert.ok(catalogue.get('ledger.balance'));
  await rm(join(folder, 'tools', 'twin.yaml'));
  await rm(join(folder, 'tools', 'ledger.balance.yaml'));
  const next = catalogue.read();
  assert.ok(catalogue.get('ledger.balance'), 'what was read is not in use before it is taken');
  next.use();
  assert.notEqual(catalogue.version, version);
  assert.equal(catalogue.get('ledger.balance'), undefined);
  assert.equal(catalogue.get('__proto__'), undefined);
  await rm(folder, { recursive: true });
  assert.throws(() => loadCatalogue(folder), { code: 'GH-CATALOGUE-003' });
});

test('a sentence shows own values only', () => {
  assert.equal(renderSentence('{a} {b} {toString} {result.x}', { a: '1', b: 2 }, { x: '3' }), '1 2 – 3');
  assert.equal(renderSentence('{a}', { a: '{b}', b: 'no' }), '{b}');
});

test('a sentence shows the amount grouped and with its cents, and nothing else so', () => {
  const transfer = loadCatalogue(policiesDir).get('ledger.transfer');
  assert.ok(transfer);
  const args = { amount: '5000', currency: 'EUR', payee: 'ACME', reference: '5000' };
  assert.equal(renderSentence(transfer.done, args, args), 'Paid 5,000.00 EUR to ACME (5000).');
});

test('an argument of another form is explained to a person, and not as a regular expression', () => {
  const check = compileArguments(loadCatalogue(policiesDir).get('ledger.transfer')?.args ?? {});
  const wrong = check({ amount: '120', currency: 'usd', payee: 'ACME', reference: 'invoice-42' });
  assert.deepEqual(wrong, {
    field: 'currency',
    text: 'has another form: three capital letters such as EUR (ISO 4217)',
  });
});

test('a long answer is told whole, while a long argument is cut', () => {
  const long = 'x'.repeat(2000);
  assert.equal(renderSentence('{result.text}', {}, { text: long }), long);
  const cut = `Pay ${'x'.repeat(500)}… (2000 characters, SHA-256 ${digestOfText(long).slice(7, 15)})`;
  assert.equal(renderSentence('Pay {payee}', { payee: long }), cut);
});

test('the tool of the documentation is one', async () => {
  const page = await readFile(join(policiesDir, '../docs/tools-and-rules.md'), 'utf8');
  const sample = /```yaml\n(name: [\s\S]*?)```/.exec(page)?.[1] ?? '';
  assert.equal(parseTool('tickets.close.yaml', sample).name, 'tickets.close');
});
