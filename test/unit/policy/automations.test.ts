import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { readLimits } from '../../../gateway/policy/limits.ts';
import { holds, type Case } from './rule-bench.ts';
import { policiesWith } from './support.ts';

const declaring = (tools: string): Record<string, string> => ({
  'automations.yaml': `automations:
  - name: rent
    display: Rent
    owner: requester
    workflow: gatehouseRent0001
    tools:
${tools}`,
});
const rent = declaring(`      - tool: ledger.transfer
        args:
          payee: { const: Landlord }
          currency: { enum: [EUR, CHF] }
          reference: { pattern: 'rent-[0-9]{4}|deposit' }
        limits: { spend: { currency: EUR, amount: '1500.00' } }
      - tool: customers.delete
        args: { customer: { enum: ['7', '8'] } }
      - tool: gatehouse.cancel
        args: { request: { const: dec_1 } }
      - tool: conversation.reply
`);
const actor: RunContext['actor'] = {
  principal: 'automation:rent',
  display: 'Rent',
  roles: ['automation'],
  groups: [],
  standing: 'member',
};
const run: Case['run'] = {
  principal: actor.principal,
  actor,
  channel: { kind: 'automation', visibility: 'private' },
  ingress: 'none',
};
const pay = (change: Record<string, string> = {}): Case['call'] => [
  'ledger.transfer',
  { amount: '1200.00', currency: 'EUR', payee: 'Landlord', reference: 'rent-2026', ...change },
];
const outside = ['automation_outside', 'payment_needs_approval'];

const table: Case[] = [
  {
    says: 'within its declaration it asks nobody',
    run,
    call: pay(),
    effect: 'allow',
    codes: ['automation_declared'],
  },
  ...(
    [
      ['another payee', { payee: 'Mallory' }],
      ['a payee in another case', { payee: 'landlord' }],
      ['a payee with more', { payee: 'Landlord ' }],
      ['a reference that only holds the pattern', { reference: 'xrent-2026' }],
      ['a reference with a second line', { reference: 'rent-2026\n' }],
      ['a reference past one of two alternatives', { reference: 'depositx' }],
    ] as const
  ).map(([what, change]) => ({
    says: `${what} is asked of the approvers`,
    run,
    call: pay(change),
    effect: 'approve',
    codes: [...outside, 'two_approvers'],
    quorum: 2,
  })),
  {
    says: 'a currency that is not declared is outside',
    run,
    call: pay({ currency: 'USD' }),
    effect: 'approve',
    codes: [...outside, 'two_approvers_currency'],
  },
  {
    says: 'an amount over its daily limit is refused',
    run,
    call: pay(),
    facts: { budgets: [{ name: 'rent', needed: 120_000, left: 100, text: '1.00 EUR are left today' }] },
    effect: 'deny',
    codes: ['budget_exceeded'],
  },
  {
    says: 'what it declares of a class that is always asked of people runs as well',
    run,
    call: ['customers.delete', { customer: '8' }],
    effect: 'allow',
    codes: ['automation_declared'],
  },
  {
    says: 'another record is asked about',
    run,
    call: ['customers.delete', { customer: '9' }],
    effect: 'approve',
    codes: ['automation_outside', 'delete_needs_approval'],
  },
  {
    says: 'a tool that it does not declare is refused',
    run,
    call: ['code.run', { language: 'shell', code: 'ls' }],
    effect: 'deny',
    codes: ['automation_limited'],
  },
  {
    says: 'a value that it declares and leaves out is outside: another default is another call',
    run,
    call: ['gatehouse.cancel', {}],
    effect: 'confirm',
    codes: ['automation_outside'],
  },
  { says: 'it may read', run, call: ['ledger.balance', {}], effect: 'allow', codes: ['read_allowed'] },
  {
    says: 'it may reply',
    run,
    call: ['conversation.reply', { text: 'done' }],
    effect: 'allow',
    codes: ['automation_declared', 'reply_allowed'],
  },
  {
    says: 'a person who calls themselves so has no declaration',
    run: { ...run, actor: { ...actor, roles: ['member'] } },
    call: pay(),
    effect: 'approve',
    codes: ['payment_needs_approval', 'two_approvers', 'value_not_from_requester'],
  },
  {
    says: 'another automation has not this declaration',
    run: { ...run, actor: { ...actor, principal: 'automation:other' } },
    call: pay(),
    effect: 'deny',
    codes: ['automation_limited'],
  },
];
for (const row of table) test(row.says, (context) => holds(context, rent, row));

test('an amount without a limit of money is outside, whatever else is declared', (context) =>
  holds(
    context,
    declaring(`      - tool: ledger.transfer
        args: { payee: { const: Landlord }, currency: { const: EUR } }
        limits: { calls: 1 }
`),
    { says: '', run, call: pay(), effect: 'approve', codes: [...outside, 'two_approvers'] },
  ));

test('a currency that is free is outside, also with a limit of money', (context) =>
  holds(
    context,
    declaring(`      - tool: ledger.transfer
        limits: { spend: { currency: EUR, amount: '1500.00' } }
`),
    { says: '', run, call: pay(), effect: 'approve', codes: [...outside, 'two_approvers'] },
  ));

const faults: [string, string, RegExp][] = [
  ['a broken pattern', `args: { payee: { pattern: '(' } }`, /automations\.yaml:7: .*payee/],
  [
    'two constraints of one value',
    `args: { payee: { const: a, pattern: b } }`,
    /automations\.yaml:7: .*payee/,
  ],
  ['an unknown limit', 'limits: { messages: 1 }', /automations\.yaml:7: .*limits/],
];
for (const [name, entry, fault] of faults) {
  test(`a declaration with ${name} is refused by file and line`, async (context) => {
    const folder = await policiesWith(declaring(`      - { tool: ledger.transfer, ${entry} }\n`), context);
    await assert.rejects(readLimits(folder), { code: 'GH-POLICY-012', message: fault });
  });
}
