import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dataClasses, type DataClass } from '../../../gateway/catalogue/index.ts';
import { answer, holds, rulesOver, type Case } from './rule-bench.ts';
import { runOf } from './support.ts';

const actor = (change: Partial<ReturnType<typeof runOf>['actor']>): Case['run'] => ({
  actor: { ...runOf().actor, ...change },
});
const words = ['120', 'EUR', 'ACME', 'invoice-42', '7'];
const reply: Case['call'] = ['conversation.reply', { text: 'hi' }];
const pay: Case['call'] = [
  'ledger.transfer',
  { amount: '120', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
];
const read = (...classesRead: DataClass[]): Case['facts'] => ({ session: { classesRead } });
const into = (visibility: string): Case['run'] => ({ channel: { kind: 'slack', visibility } });
const budget = { name: 'a-day', needed: 12_000, left: 12_000, text: '120.00 EUR are left today' };

const table: Case[] = [
  {
    says: 'a call that fits its budget exactly is asked about',
    run: { words },
    call: pay,
    facts: { budgets: [budget] },
    effect: 'approve',
    codes: ['payment_needs_approval'],
  },
  {
    says: 'a call a cent over budget is refused, whatever else fits',
    run: { words },
    call: pay,
    facts: { budgets: [budget, { ...budget, left: 11_999 }] },
    effect: 'deny',
    codes: ['budget_exceeded'],
  },
  {
    says: 'a read over budget is refused',
    call: ['ledger.balance', {}],
    facts: { budgets: [{ ...budget, needed: 1, left: 0 }] },
    effect: 'deny',
    codes: ['budget_exceeded'],
  },
  {
    says: 'a call whose currency has no budget is refused',
    run: { words },
    call: pay,
    facts: { uncovered: true },
    effect: 'deny',
    codes: ['budget_currency'],
  },
  {
    says: 'what was rejected is not asked again',
    run: { words },
    call: pay,
    facts: { rejectedBefore: true },
    effect: 'deny',
    codes: ['rejected_before'],
  },
  {
    says: 'a third ask may wait',
    run: { words },
    call: pay,
    facts: { session: { pendingAsks: 2 } },
    effect: 'approve',
    codes: ['payment_needs_approval'],
  },
  {
    says: 'a fourth may not',
    run: { words },
    call: pay,
    facts: { session: { pendingAsks: 3 } },
    effect: 'deny',
    codes: ['too_many_asks'],
  },
  {
    says: 'a confirmation counts as an ask',
    call: ['gatehouse.cancel', { request: 'dec_1' }],
    facts: { session: { pendingAsks: 3 } },
    effect: 'deny',
    codes: ['too_many_asks'],
  },
  {
    says: 'what asks nobody runs all the same',
    call: reply,
    facts: { session: { pendingAsks: 100 } },
    effect: 'allow',
    codes: ['write_allowed'],
  },
  {
    says: 'a call to a host after personal records were read says why it asks',
    run: { words: ['GET', 'https://a.example/'] },
    call: ['http.request', { method: 'GET', url: 'https://a.example/' }],
    facts: read('personal'),
    effect: 'approve',
    codes: ['unclassified_needs_approval', 'read_then_send'],
  },
  {
    says: 'code after confidential records were read says why it asks',
    call: ['code.run', { language: 'shell', code: 'ls' }],
    facts: read('confidential'),
    effect: 'approve',
    codes: ['code_needs_approval', 'read_then_send'],
  },
  {
    says: 'a payment after personal records were read carries nothing out',
    run: { words },
    call: pay,
    facts: read('personal'),
    effect: 'approve',
    codes: ['payment_needs_approval'],
  },
  {
    says: 'a conversation of an unknown kind hears only what is public',
    run: into('somewhere'),
    call: reply,
    facts: read('internal'),
    effect: 'confirm',
    codes: ['class_above_conversation'],
  },
  {
    says: 'a reply to somebody below the class of what was read is refused',
    run: actor({ clearance: 'internal' }),
    call: reply,
    facts: read('internal', 'confidential'),
    effect: 'deny',
    codes: ['above_clearance'],
  },
  {
    says: 'a read above the clearance of its reader is refused',
    run: actor({ clearance: 'public' }),
    call: ['ledger.balance', {}],
    effect: 'deny',
    codes: ['above_clearance'],
  },
  {
    says: 'a read within it runs',
    run: actor({ clearance: 'internal' }),
    call: ['ledger.balance', {}],
    effect: 'allow',
    codes: ['read_allowed'],
  },
  {
    says: 'a guest may read what is public',
    run: actor({ standing: 'guest', roles: ['guest'] }),
    call: ['gatehouse.help', {}],
    effect: 'allow',
    codes: ['guest_allowed'],
  },
  {
    says: 'a guest may reply',
    run: actor({ standing: 'guest', roles: ['guest'] }),
    call: reply,
    effect: 'allow',
    codes: ['guest_allowed'],
  },
  {
    says: 'a guest may not pay',
    run: { ...actor({ standing: 'guest', roles: ['guest'] }), words },
    call: pay,
    effect: 'deny',
    codes: ['guest_reads_public'],
  },
  {
    says: 'a guest without a principal is nobody',
    run: actor({ standing: 'guest', principal: null }),
    call: ['gatehouse.help', {}],
    effect: 'deny',
    codes: ['actor_unknown'],
  },
  {
    says: 'an owner whose mail nobody signed may not even read what is internal',
    run: { ...actor({ standing: 'owner' }), channel: { kind: 'email', visibility: 'dm' }, ingress: 'none' },
    call: ['ledger.balance', {}],
    effect: 'deny',
    codes: ['guest_reads_public'],
  },
  {
    says: 'an owner whose mail is signed may',
    run: { ...actor({ standing: 'owner' }), channel: { kind: 'email', visibility: 'dm' }, ingress: 'dkim' },
    call: ['ledger.balance', {}],
    effect: 'allow',
    codes: ['read_allowed'],
  },
];
for (const row of table) test(row.says, (context) => holds(context, {}, row));

const limits: Record<string, DataClass> = {
  dm: 'personal',
  private: 'confidential',
  public: 'internal',
  external: 'public',
};
for (const [visibility, highest] of Object.entries(limits)) {
  test(`a reply into a conversation that is ${visibility} carries at most what is ${highest}`, async (context) => {
    const rules = await rulesOver({}, context);
    for (const name of dataClasses) {
      const { verdict } = await answer(rules, {
        run: into(visibility),
        call: reply,
        facts: read('public', name),
      });
      const fits = dataClasses.indexOf(name) <= dataClasses.indexOf(highest);
      assert.equal(verdict.effect, fits ? 'allow' : 'confirm', name);
    }
  });
}

test('what a session saw, asked or spent never makes a call more allowed', async (context) => {
  const rules = await rulesOver({}, context);
  const strictness = ['allow', 'confirm', 'approve', 'deny'];
  const calls: Case['call'][] = [
    reply,
    pay,
    ['ledger.balance', {}],
    ['customers.delete', { customer: '7' }],
    ['http.request', { method: 'GET', url: 'https://a.example/' }],
  ];
  const facts = fc.record({
    session: fc.record({
      tainted: fc.boolean(),
      outside: fc.boolean(),
      pendingAsks: fc.nat(5),
      classesRead: fc.subarray([...dataClasses]),
    }),
    rejectedBefore: fc.boolean(),
    uncovered: fc.boolean(),
    firstTime: fc.subarray(['payee', 'url']),
    budgets: fc.array(
      fc.record({
        name: fc.constant('b'),
        needed: fc.nat(3),
        left: fc.integer({ min: -2, max: 3 }),
        text: fc.constant('x'),
      }),
    ),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...calls),
      fc.constantFrom('dm', 'public', 'external'),
      facts,
      async (call, visibility, seen) => {
        const run = { words, ...into(visibility) };
        const before = await answer(rules, { run, call });
        const after = await answer(rules, { run, call, facts: seen });
        assert.ok(strictness.indexOf(after.verdict.effect) >= strictness.indexOf(before.verdict.effect));
        assert.notEqual(after.verdict.reasons[0]?.code, 'policy_bad_shape');
      },
    ),
    { numRuns: 300 },
  );
});
