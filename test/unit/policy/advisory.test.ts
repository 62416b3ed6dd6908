import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Policy } from '../../../gateway/policy/index.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { policiesDir, policiesWith, runOf } from './support.ts';

let at: PolicyBench;
let db: PolicyBench['db'];
let policy: Policy;
let strict: Policy;
before(async () => {
  at = await policyBench();
  ({ db } = at);
  policy = await at.open();
  const lenient = await readFile(join(policiesDir, 'approvals.yaml'), 'utf8');
  // The first class is the payments'.
  const classes = lenient.replace(/strict: \w+/, 'strict: true');
  strict = await at.open({ policiesDir: await policiesWith({ 'approvals.yaml': classes }, { after }) });
});
after(() => at.close());

const balance = { tool: 'ledger.balance', args: {}, advisory: true };
const pay = {
  tool: 'ledger.transfer',
  args: { amount: '120', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
  advisory: true,
};
const codes = (decision: { reasons: { code: string }[] }): string[] =>
  decision.reasons.map((reason) => reason.code);
const grants = async (decision: { id: string }): Promise<number> =>
  (await db.pool.query('select from grants where decision_id = $1', [decision.id])).rows.length;

test('advice that allows gives no grant, and its receipt says that it is advice', async () => {
  const decision = await policy.decide(runOf(), { ...balance, step: 'allow' });
  assert.equal(decision.effect, 'allow');
  assert.equal(decision.grant, null);
  assert.equal(await grants(decision), 0);
  assert.deepEqual(codes(decision), ['read_allowed', 'advisory']);
  const { rows } = await db.pool.query<{ reasons: string[] }>(
    `select facts -> 'reasons' as reasons from receipts where decision_id = $1`,
    [decision.id],
  );
  assert.deepEqual(rows[0]?.reasons, ['read_allowed', 'advisory']);
});

test('an approval of advice makes no grant either, so that nothing is left for another call to find', async () => {
  const decision = await policy.decide(runOf(), { ...pay, step: 'approve' });
  assert.equal(decision.effect, 'approve');
  assert.ok(codes(decision).includes('advisory'));
  assert.equal(await policy.issueGrant(db.pool, decision.id), null);
  assert.equal(await grants(decision), 0);
});

test('advice on a strict class is a no; the gateway itself may still ask for the same call', async () => {
  const advised = await strict.decide(runOf(), { ...pay, step: 'strict' });
  assert.equal(advised.effect, 'deny');
  assert.ok(codes(advised).includes('advisory_strict'));
  const own = await strict.decide(runOf(), { ...pay, advisory: false, step: 'strict-own' });
  assert.equal(own.effect, 'approve');
  assert.ok(!codes(own).includes('advisory'));
});

test('a denial stays one, with its own reason first', async () => {
  const decision = await policy.decide(runOf(), {
    tool: 'customers.export',
    args: {},
    advisory: true,
    step: 'deny',
  });
  assert.equal(decision.effect, 'deny');
  assert.equal(codes(decision)[0], 'export_forbidden');
});
