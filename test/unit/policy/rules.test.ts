import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadCatalogue, type Catalogue } from '../../../gateway/catalogue/index.ts';
import { loadEngine, type Engine } from '../../../gateway/policy/engine.ts';
import { judge } from '../../../gateway/policy/judge.ts';
import { questionOf } from '../../../gateway/policy/question.ts';
import { readPolicyData, type RunContext } from '../../../gateway/policy/index.ts';
import { hasOpa, serveOpa, type OpaServer } from './opa-server.ts';
import { policiesDir, runOf } from './support.ts';

/** The suite holds for both engines. */
const engineNames = ['opa-wasm', 'opa-rest'] as const;
const engines = new Map<string, Engine>();
let opa: OpaServer | undefined;
let catalogue: Catalogue;
before(async () => {
  catalogue = loadCatalogue(policiesDir);
  const { data } = await readPolicyData(policiesDir, new Date(0));
  engines.set('opa-wasm', (await loadEngine(policiesDir, data)).engine);
  if (!hasOpa) return;
  opa = await serveOpa(policiesDir, data);
  engines.set('opa-rest', (await loadEngine(policiesDir, data, opa.url)).engine);
});
after(async () => {
  await engines.get('opa-rest')?.close?.();
  await opa?.stop();
});

const actor = (change: Partial<RunContext['actor']>): Partial<RunContext> => ({
  principal: change.principal === undefined ? 'requester' : change.principal,
  actor: { ...runOf().actor, ...change },
});
const pay = (amount: string, currency = 'EUR'): [string, object] => [
  'ledger.transfer',
  { amount, currency, payee: 'ACME', reference: 'invoice-42' },
];
const words = (text: string): string[] => text.split(' ');
const typing = (amount: string, currency = 'EUR') => ({ words: [amount, currency, 'ACME', 'invoice-42'] });
const typed = typing('120');

interface Row {
  says: string;
  run?: Partial<RunContext> & { words?: string[] };
  call: [string, unknown];
  effect: string;
  codes: string[];
  quorum?: number;
}
const table: Row[] = [
  { says: 'a member may read', call: ['ledger.balance', {}], effect: 'allow', codes: ['read_allowed'] },
  {
    says: 'a member may reply',
    call: ['conversation.reply', { text: 'hi' }],
    effect: 'allow',
    codes: ['write_allowed'],
  },
  {
    says: 'a paired person may read',
    run: actor({ standing: 'paired' }),
    call: ['ledger.balance', {}],
    effect: 'allow',
    codes: ['read_allowed'],
  },
  {
    says: 'a guest may not read what is internal',
    run: actor({ standing: 'guest' }),
    call: ['ledger.balance', {}],
    effect: 'deny',
    codes: ['guest_reads_public'],
  },
  {
    says: 'an unknown sender may not reply',
    run: actor({ standing: 'unknown' }),
    call: ['conversation.reply', { text: 'hi' }],
    effect: 'deny',
    codes: ['actor_unknown'],
  },
  {
    says: 'a member without a principal is unknown',
    run: actor({ principal: null }),
    call: ['ledger.balance', {}],
    effect: 'deny',
    codes: ['actor_unknown'],
  },
  {
    says: 'a viewer may read',
    run: actor({ roles: ['viewer'] }),
    call: ['ledger.balance', {}],
    effect: 'allow',
    codes: ['read_allowed'],
  },
  {
    says: 'a viewer may not pay',
    run: { ...actor({ roles: ['viewer'] }), ...typed },
    call: pay('120.00'),
    effect: 'deny',
    codes: ['role_reads_only'],
  },
  {
    says: 'an automation may read',
    run: actor({ roles: ['automation'] }),
    call: ['ledger.balance', {}],
    effect: 'allow',
    codes: ['read_allowed'],
  },
  {
    says: 'an automation may not pay',
    run: actor({ roles: ['automation'] }),
    call: pay('1'),
    effect: 'deny',
    codes: ['automation_limited'],
  },
  {
    says: 'a payment asks one approver',
    run: typing('120.00'),
    call: pay('120.00'),
    effect: 'approve',
    codes: ['payment_needs_approval'],
    quorum: 1,
  },
  {
    says: '999.99 EUR asks one',
    run: typing('999.99'),
    call: pay('999.99'),
    effect: 'approve',
    codes: ['payment_needs_approval'],
    quorum: 1,
  },
  {
    says: '1000 EUR asks two',
    run: typing('1000'),
    call: pay('1000'),
    effect: 'approve',
    codes: ['payment_needs_approval', 'two_approvers'],
    quorum: 2,
  },
  {
    says: '1000.00 EUR asks two',
    run: typing('1000.00'),
    call: pay('1000.00'),
    effect: 'approve',
    codes: ['payment_needs_approval', 'two_approvers'],
    quorum: 2,
  },
  {
    says: '5000 EUR asks two',
    run: typing('5000'),
    call: pay('5000'),
    effect: 'approve',
    codes: ['payment_needs_approval', 'two_approvers'],
    quorum: 2,
  },
  {
    says: 'the largest amount asks two',
    run: typing('999999999999.99'),
    call: pay('999999999999.99'),
    effect: 'approve',
    codes: ['payment_needs_approval', 'two_approvers'],
    quorum: 2,
  },
  {
    says: 'a currency without a limit asks two',
    run: { words: words('1 USD ACME invoice-42') },
    call: pay('1', 'USD'),
    effect: 'approve',
    codes: ['payment_needs_approval', 'two_approvers_currency'],
    quorum: 2,
  },
  {
    says: 'a payee that the requester did not type is named',
    call: pay('120'),
    effect: 'approve',
    codes: ['payment_needs_approval', 'value_not_from_requester'],
    quorum: 1,
  },
  {
    says: 'nothing cannot be paid',
    run: typing('0.00'),
    call: pay('0.00'),
    effect: 'deny',
    codes: ['amount_not_positive'],
  },
  {
    says: 'a delete asks one approver',
    run: { words: ['7'] },
    call: ['customers.delete', { customer: '7' }],
    effect: 'approve',
    codes: ['delete_needs_approval'],
    quorum: 1,
  },
  {
    says: 'code asks',
    call: ['code.run', { language: 'python', code: '1' }],
    effect: 'approve',
    codes: ['code_needs_approval'],
    quorum: 1,
  },
  {
    says: 'an unclassified tool asks',
    run: { words: ['GET', 'https://a.example/'] },
    call: ['http.request', { method: 'GET', url: 'https://a.example/' }],
    effect: 'approve',
    codes: ['unclassified_needs_approval'],
    quorum: 1,
  },
  {
    says: 'the export is denied',
    call: ['customers.export', {}],
    effect: 'deny',
    codes: ['export_forbidden'],
  },
  {
    says: 'a write to a record that nobody typed is confirmed',
    call: ['gatehouse.cancel', { request: 'dec_1' }],
    effect: 'confirm',
    codes: ['value_not_from_requester'],
  },
  {
    says: 'a write to a typed record runs',
    run: { words: ['dec_1'] },
    call: ['gatehouse.cancel', { request: 'dec_1' }],
    effect: 'allow',
    codes: ['write_allowed'],
  },
  { says: 'an unknown tool is denied', call: ['ledger.burn', {}], effect: 'deny', codes: ['tool_unknown'] },
  {
    says: 'a tool name in another case is unknown',
    call: ['Ledger.balance', {}],
    effect: 'deny',
    codes: ['tool_unknown'],
  },
  {
    says: 'an extra argument is denied',
    call: ['ledger.balance', { account: 'x' }],
    effect: 'deny',
    codes: ['args_invalid'],
  },
  {
    says: 'an argument in another case is denied',
    call: ['customers.delete', { Customer: '7' }],
    effect: 'deny',
    codes: ['args_invalid'],
  },
  {
    says: 'a __proto__ argument is denied',
    call: ['ledger.balance', JSON.parse('{"__proto__":{"a":1}}')],
    effect: 'deny',
    codes: ['args_invalid'],
  },
  {
    says: 'an amount as a number is denied',
    call: ['ledger.transfer', { amount: 120, currency: 'EUR', payee: 'A', reference: 'r' }],
    effect: 'deny',
    codes: ['args_invalid'],
  },
  ...['-1', '1e3', '1.005', '0120', '1,000', ' 1', '１', '+1', '.5', '1.'].map((amount) => ({
    says: `the amount "${amount}" is denied`,
    call: pay(amount),
    effect: 'deny',
    codes: ['args_invalid'],
  })),
  ...[null, [], 'x', 7].map((args) => ({
    says: `arguments that are ${JSON.stringify(args)} are denied`,
    call: ['ledger.balance', args] as [string, unknown],
    effect: 'deny',
    codes: ['args_invalid'],
  })),
];

const cases = engineNames.flatMap((name) => table.map((row) => ({ name, row })));
for (const { name, row } of cases) {
  const skip = name === 'opa-rest' && !hasOpa && 'there is no OPA on this machine';
  test(`${row.says} (${name})`, { skip }, async () => {
    const engine = engines.get(name) ?? null;
    const [tool, args] = row.call;
    const { verdict, grant } = await judge(
      { engine, catalogue, clock: () => new Date(0) },
      questionOf(catalogue, runOf(row.run), { tool, args, step: 's' }),
    );
    assert.equal(verdict.effect, row.effect);
    assert.deepEqual(verdict.reasons.map((reason) => reason.code).sort(), [...row.codes].sort());
    assert.ok(verdict.reasons.every((reason) => /^[A-Z].*\.$/.test(reason.text)));
    assert.equal(grant === null, row.effect !== 'allow');
    assert.deepEqual(
      verdict.approvers,
      row.effect === 'approve' ? { groups: ['approvers'], quorum: row.quorum, excludeRequester: true } : null,
    );
  });
}

test('without approvers named, nobody is asked and the call is denied', async () => {
  const nobody = { payment: { groups: [], quorum: 1, from: [] } };
  const bare = (await loadEngine(policiesDir, { approvals: nobody })).engine;
  const [tool, args] = pay('1');
  const { verdict } = await judge(
    { engine: bare, catalogue, clock: () => new Date() },
    questionOf(catalogue, runOf(typed), { tool, args, step: 's' }),
  );
  assert.deepEqual([verdict.effect, verdict.reasons[0]?.code], ['deny', 'nobody_to_ask']);
});

test('a risk class without an entry in approvals.yaml is denied', async () => {
  const bare = (await loadEngine(policiesDir, { approvals: {} })).engine;
  const [tool, args] = pay('1');
  const { verdict } = await judge(
    { engine: bare, catalogue, clock: () => new Date() },
    questionOf(catalogue, runOf(typed), { tool, args, step: 's' }),
  );
  assert.equal(verdict.effect, 'deny');
});
