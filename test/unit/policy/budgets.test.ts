import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { chargesOf, leftInWords, type Budget } from '../../../gateway/policy/budgets.ts';
import { readLimits } from '../../../gateway/policy/limits.ts';
import { policiesDir, policiesWith, runOf } from './support.ts';

const pay = loadCatalogue(policiesDir).get('ledger.transfer');
assert.ok(pay);
const eur = (amount: number): Budget => ({
  name: 'eur',
  per: 'day',
  risk: 'payment',
  spend: { currency: 'EUR', amount },
});
const spend = (
  amount: unknown,
  currency = 'EUR',
  budgets = [eur(10_000)],
  run = runOf(),
): ReturnType<typeof chargesOf> =>
  chargesOf(budgets, run, pay, { amount, currency, payee: 'ACME', reference: 'r' });

test('an amount is charged in whole hundredths', () => {
  for (const [amount, cents] of [
    ['0.01', 1],
    ['1', 100],
    ['1.5', 150],
    ['999999999999.99', 99_999_999_999_999],
  ] as const)
    assert.equal(spend(amount).charges[0]?.amount, cents);
});

test('what is no amount, or of another currency, has no budget and is not free', () => {
  for (const amount of ['-1', 'NaN', '1e3', '', '1,00', NaN, -1, 1, null, undefined, {}, ['1']])
    assert.deepEqual(spend(amount), { charges: [], uncovered: true });
  for (const currency of ['USD', 'eur', 'EUR ', 'ЕUR', '']) {
    assert.equal(spend('1', currency).uncovered, true);
  }
});

test('a currency is covered only where each limit has a budget of it', () => {
  const usd: Budget = { ...eur(5), name: 'usd', spend: { currency: 'USD', amount: 5 } };
  const perPerson: Budget = { ...eur(5), name: 'own', per: 'person' };
  assert.equal(spend('1', 'USD', [eur(5), usd]).uncovered, false);
  assert.equal(spend('1', 'USD', [eur(5), usd, perPerson]).uncovered, true);
  // How often is no limit of how much.
  const calls: Budget = { ...eur(5), name: 'calls', spend: undefined, calls: 9 };
  assert.equal(spend('1', 'USD', [eur(5), calls]).uncovered, true);
});

test('a budget is held by whom it says, and by a day where it says that', () => {
  const held = (per: Budget['per'], run = runOf()): unknown => {
    const [charge] = spend('1', 'EUR', [{ ...eur(5), per }], run).charges;
    return [charge?.holder, charge?.daily];
  };
  const { sessionKey } = runOf();
  assert.deepEqual(held('person'), ['requester', false]);
  assert.deepEqual(held('person-day'), ['requester', true]);
  assert.deepEqual(held('session'), [sessionKey, false]);
  assert.deepEqual(held('session-day'), [sessionKey, true]);
  assert.deepEqual(held('day'), ['', true]);
  assert.deepEqual(held('person', runOf({ principal: null })), ['', false], 'strangers share one');
});

test('a budget names one tool or one class, and that of an automation nobody else', () => {
  const none = { charges: [], uncovered: false };
  assert.deepEqual(spend('1', 'EUR', [{ ...eur(5), risk: 'delete' }]), none);
  assert.deepEqual(spend('1', 'EUR', [{ ...eur(5), risk: undefined, tool: 'Ledger.transfer' }]), none);
  assert.equal(spend('1', 'EUR', [{ ...eur(5), risk: undefined, tool: pay.name }]).charges.length, 1);
  const own = [{ ...eur(5), principal: 'automation:rent' }];
  assert.deepEqual(spend('1', 'EUR', own), none);
  const [charge] = spend('1', 'EUR', own, runOf({ principal: 'automation:rent' })).charges;
  assert.deepEqual([charge?.amount, charge?.allowed], [100, 5]);
});

test('what is left is said exactly, and never less than nothing', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 12), fc.nat(10 ** 12), (allowed, used) => {
      const [charge] = spend('1', 'EUR', [eur(allowed)]).charges;
      assert.ok(charge);
      const [amount = ''] = leftInWords(charge, used).split(' EUR');
      assert.equal(Number(amount.replaceAll(',', '').replace('.', '')), Math.max(0, allowed - used));
    }),
  );
});

test('a few cents that are left are said as cents', () => {
  const [charge] = spend('1', 'EUR', [eur(5)]).charges;
  assert.ok(charge);
  assert.deepEqual(
    [leftInWords(charge, 0), leftInWords(charge, 6)],
    ['0.05 EUR are left today', '0.00 EUR are left today'],
  );
});

test('calls that are left are counted in words', () => {
  const [charge] = spend('1', 'EUR', [{ ...eur(5), spend: undefined, calls: 3 }]).charges;
  assert.ok(charge);
  assert.deepEqual(
    [leftInWords(charge, 1), leftInWords(charge, 2), leftInWords({ ...charge, daily: false }, 4)],
    ['2 calls are left today', '1 call is left today', '0 calls are left'],
  );
});

test('each holder and both units are read', async (context) => {
  const holders = ['person', 'session', 'day', 'person-day', 'session-day'];
  const entries = holders.map((per) => `  - { name: ${per}, per: ${per}, risk: code, calls: 1 }\n`);
  const money = `  - { name: eur, per: day, tool: ledger.transfer, spend: { currency: EUR, amount: '1.50' } }\n`;
  const folder = await policiesWith({ 'limits.yaml': `budgets:\n${entries.join('')}${money}` }, context);
  const { budgets } = await readLimits(folder);
  assert.deepEqual(
    budgets.map(({ per, calls, spend: amount }) => [per, calls ?? amount]),
    [...holders.map((per) => [per, 1]), ['day', { currency: 'EUR', amount: 150 }]],
  );
});

const faults: [string, string, RegExp][] = [
  ...['Ab', 'a b', '1a', `a${'b'.repeat(64)}`].map((name): [string, string, RegExp] => [
    `the name ${name}`,
    `{ name: ${name}, per: day, risk: code, calls: 1 }`,
    /limits\.yaml:2: budgets\.0\.name/,
  ]),
  ['no unit', '{ name: a, per: day, risk: code }', /say either `spend`/],
  [
    'two subjects',
    '{ name: a, per: day, tool: x, risk: code, calls: 1 }',
    /limits\.yaml:2: budgets\.0: say either `tool`/,
  ],
  ['no subject', '{ name: a, per: day, calls: 1 }', /limits\.yaml:2: budgets\.0: say either `tool`/],
  [
    'two units',
    '{ name: a, per: day, risk: code, calls: 1, spend: { currency: EUR, amount: "1" } }',
    /say either `spend`/,
  ],
  ['an unknown holder', '{ name: a, per: week, risk: code, calls: 1 }', /limits\.yaml:2: budgets\.0\.per/],
  [
    'an amount as a number',
    '{ name: a, per: day, risk: code, spend: { currency: EUR, amount: 1.0 } }',
    /amount/,
  ],
  [
    'a negative amount',
    '{ name: a, per: day, risk: code, spend: { currency: EUR, amount: "-1" } }',
    /at most two decimals/,
  ],
  ...['EURO', 'xEUR', 'eur'].map((currency): [string, string, RegExp] => [
    `the currency ${currency}`,
    `{ name: a, per: day, risk: code, spend: { currency: ${currency}, amount: '1' } }`,
    /limits\.yaml:2: budgets\.0\.spend\.currency/,
  ]),
  ['no call at all', '{ name: a, per: day, risk: code, calls: 0 }', /budgets\.0\.calls/],
  [
    'a misspelt field',
    '{ name: a, per: day, risk: code, call: 1 }',
    /limits\.yaml:2: budgets\.0\.call: Unrecognized/,
  ],
];
for (const [name, entry, fault] of faults) {
  test(`a budget with ${name} is refused by file, line and fault`, async (context) => {
    const folder = await policiesWith({ 'limits.yaml': `budgets:\n  - ${entry}\n` }, context);
    await assert.rejects(readLimits(folder), { code: 'GH-POLICY-012', message: fault });
  });
}

test('a name that stands twice is refused: two budgets would count as one', async (context) => {
  const entry = '  - { name: a, per: day, risk: code, calls: 1 }\n';
  const folder = await policiesWith({ 'limits.yaml': `budgets:\n${entry}${entry}` }, context);
  await assert.rejects(readLimits(folder), /limits\.yaml:2: budgets: a name stands twice/);
});

test('the limits of an automation are budgets of its own', async (context) => {
  const folder = await policiesWith(
    {
      'automations.yaml': `automations:
  - name: rent
    display: Rent
    owner: requester
    workflow: w
    tools:
      - { tool: ledger.transfer, limits: { calls: 1, spend: { currency: EUR, amount: '1500.00' } } }
`,
    },
    context,
  );
  const own = (await readLimits(folder)).budgets.filter((budget) => budget.principal);
  assert.deepEqual(
    own.map(({ name, per, principal }) => [name, per, principal]),
    [
      ['automation:rent:ledger.transfer:spend', 'person-day', 'automation:rent'],
      ['automation:rent:ledger.transfer:calls', 'person-day', 'automation:rent'],
    ],
  );
});
