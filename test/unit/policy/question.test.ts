import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { callDigest, checkStep, questionOf, refusalOf } from '../../../gateway/policy/question.ts';
import { policiesDir, runOf } from './support.ts';

const catalogue = loadCatalogue(policiesDir);
const ask = (tool: string, args: unknown, step = 's') => questionOf(catalogue, runOf(), { tool, args, step });
const transfer = { amount: '1', currency: 'EUR', payee: 'ACME', reference: 'r' };

test('one call has one digest, however its arguments are ordered, and any other call has another', () => {
  const { digest, args } = callDigest('ledger.transfer', transfer);
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(args, '{"amount":"1","currency":"EUR","payee":"ACME","reference":"r"}');
  const reversed = Object.fromEntries(Object.entries(transfer).reverse());
  assert.equal(callDigest('ledger.transfer', reversed).digest, digest);
  const others = [
    callDigest('ledger.transfer2', transfer),
    callDigest('ledger.transfer', { ...transfer, amount: '10' }),
    callDigest('ledger.transfer', { ...transfer, amount: 1 }),
    callDigest('ledger.transfer', {}),
    // Quotation marks in a name do not reach out of it.
    callDigest('ledger.transfer","x":"', transfer),
  ];
  assert.equal(new Set([digest, ...others.map((other) => other.digest)]).size, others.length + 1);
});

test('what cannot be stored and compared has no digest', () => {
  const deep = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as unknown;
  for (const args of [undefined, { a: NaN }, { a: '\0' }, { '\0': 1 }, { a: '\\\0' }, { a: '\ud800' }, deep])
    assert.throws(() => callDigest('x', args), { code: 'GH-POLICY-020', field: 'args' });
  for (const tool of ['x\0', '\ud800'])
    assert.throws(() => callDigest(tool, {}), { code: 'GH-POLICY-020', field: 'tool' });
  for (const text of ['\\u0000', '\\\\u0000', 'u0000', '0']) assert.ok(callDigest('x', { text }).digest);
});

test('a step is 1 to 300 printable characters and begins with one that is seen', () => {
  for (const step of ['a', '!', '~', 'a b', 'x'.repeat(300)]) assert.doesNotThrow(() => checkStep(step));
  for (const step of ['', ' ', ' a', 'a\n', 'a\tb', 'é', 'aé', '\x7f', 'a\0', 'x'.repeat(301), '\na', 'a\nb'])
    assert.throws(() => checkStep(step), { code: 'GH-POLICY-021', field: 'step' }, JSON.stringify(step));
  assert.throws(() => ask('ledger.balance', {}, ''), { code: 'GH-POLICY-021' });
});

test('a tool that is not there is no tool, and neither is one with arguments that are not its own', () => {
  const unknown = ask('no.such.tool', {});
  assert.deepEqual([unknown.tool, unknown.refusal?.code], [null, 'tool_unknown']);
  const wrong = ask('ledger.transfer', { ...transfer, more: 1 });
  assert.deepEqual([wrong.tool, wrong.refusal?.code], [null, 'args_invalid']);
  const right = ask('ledger.transfer', transfer);
  assert.deepEqual(
    [right.tool?.name, right.refusal, right.canonical],
    ['ledger.transfer', null, callDigest('ledger.transfer', transfer).args],
  );
  assert.equal(right.digest, callDigest('ledger.transfer', transfer).digest);
});

test('a refusal names the argument and shows how the tool is used, where that is known', () => {
  const tool = catalogue.get('ledger.transfer');
  assert.ok(tool);
  const refusal = (usage: string | undefined) => refusalOf({ ...tool, usage }, { ...transfer, amount: 'x' });
  assert.match(
    refusal('/pay 1 EUR ACME r')?.text ?? '',
    /^The argument amount .+ \(for example: \/pay 1 EUR ACME r\)\.$/,
  );
  const example = ' (for example: /pay 1 EUR ACME r)';
  assert.equal(refusal('/pay 1 EUR ACME r')?.text.replace(example, ''), refusal(undefined)?.text);
  assert.equal(refusalOf(tool, transfer), null);
});

test('a reference to content that may change is refused, in the words of its tool', () => {
  const tool = catalogue.get('ledger.transfer');
  assert.ok(tool);
  const seen: unknown[] = [];
  const pinned = (args: unknown): string | null => {
    seen.push(args);
    return 'The file report has no version.';
  };
  assert.deepEqual(refusalOf({ ...tool, pinned }, transfer), {
    code: 'reference_not_pinned',
    text: 'The file report has no version.',
  });
  assert.deepEqual(seen, [transfer]);
});
