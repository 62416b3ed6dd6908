import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadCatalogue, type Tool } from '../../../gateway/catalogue/index.ts';
import { toCents } from '../../../gateway/policy/money.ts';
import { policyInput } from '../../../gateway/policy/index.ts';
import { policiesDir, runOf } from './support.ts';

const transfer = loadCatalogue(policiesDir).get('ledger.transfer') as Tool;
const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
const words = ['120', 'EUR', 'ACME', 'invoice-42'];
const from = (run: ReturnType<typeof runOf>, change: object = {}): Record<string, string> =>
  policyInput(run, transfer, { ...args, ...change }, new Date()).provenance;

test('whole words of the actor’s own command are the user’s', () => {
  const user = { amount: 'user', currency: 'user', payee: 'user', reference: 'user' };
  assert.deepEqual(from(runOf({ words })), user);
});

for (const [what, payee] of [
  ['another case', 'Acme'],
  ['a part of a word', 'ACM'],
  ['two words joined', 'ACMEinvoice-42'],
  ['a look-alike letter', 'АCME'],
  ['a zero-width character', 'AC\u200bME'],
  ['a space around it', 'ACME '],
]) {
  test(`${what} is not the user's`, () => assert.equal(from(runOf({ words }), { payee }).payee, 'unknown'));
}

test('composed and decomposed letters are the same word', () => {
  assert.equal(from(runOf({ words: ['Ne\u0301mo'] }), { payee: 'N\u00e9mo' }).payee, 'user');
});

test('digits of an amount never vouch for anything else', () => {
  assert.equal(
    from(runOf({ words: ['120', 'EUR', 'ACME'] }), { amount: '120', payee: '120' }).payee,
    'unknown',
  );
});

test('free text, other triggers and strangers vouch for nothing', () => {
  const stranger = { ...runOf().actor, standing: 'guest' as const };
  for (const run of [
    runOf({ text: '120 EUR ACME' }),
    runOf({ words, ingress: 'none' }),
    runOf({ words, principal: null }),
    runOf({ words, actor: stranger }),
  ]) {
    assert.equal(from(run).payee, 'unknown');
  }
});

test('a constant of the catalogue vouches for its own value only', () => {
  const tool = { ...transfer, constants: { payee: 'Tax office' } };
  assert.equal(
    policyInput(runOf(), tool, { ...args, payee: 'Tax office' }, new Date()).provenance.payee,
    'constant',
  );
  assert.equal(policyInput(runOf(), tool, args, new Date()).provenance.payee, 'unknown');
});

test('amounts become whole cents without rounding', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99_999_999_999_999 }), (cents) => {
      const text = String(cents).padStart(3, '0');
      assert.equal(toCents(`${text.slice(0, -2)}.${text.slice(-2)}`), cents);
    }),
  );
  assert.deepEqual(['1', '1.5', '0.07', '1.234', '1e2', '-1', 1].map(toCents), [
    100,
    150,
    7,
    null,
    null,
    null,
    null,
  ]);
});
