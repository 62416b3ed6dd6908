import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Epoch, Policy } from '../../../gateway/policy/index.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { runOf } from './support.ts';

let at: PolicyBench;
let db: PolicyBench['db'];
let epoch: Epoch;
let policy: Policy;
before(async () => {
  at = await policyBench();
  ({ db, epoch } = at);
  policy = await at.open();
});
after(() => at.close());

const balance = (step: string): { tool: string; args: object; step: string } => ({
  tool: 'ledger.balance',
  args: {},
  step,
});
const count = async (table: string, where: string): Promise<number> =>
  (await db.pool.query(`select from ${table} where ${where}`)).rows.length;

test('the same question gets the same answer, also at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => policy.decide(runOf(), balance('same'))),
  );
  answers.push(
    await policy.decide(runOf({ runId: '00000000-0000-7000-8000-0000000000ff' }), balance('same')),
  );
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  assert.equal(await count('decisions', `step = 'same'`), 1);
});

test('a call that cannot be stored is refused by itself and spoils nobody else’s decision', async () => {
  // They share one transaction: what one caller sends must not fail the calls beside it.
  const beside = ['first', 'second'].map((step) => policy.decide(runOf(), balance(`beside-${step}`)));
  const spoilt = ['ledger.balance\0', '\ud800'].map((tool) =>
    policy.decide(runOf(), { tool, args: {}, step: 'spoilt' }),
  );
  const [, ...rest] = await Promise.allSettled([beside[0], ...spoilt, beside[1]]);
  assert.deepEqual(
    rest.map((result) => (result.status === 'fulfilled' ? result.value?.effect : result.reason.code)),
    ['GH-POLICY-020', 'GH-POLICY-020', 'allow'],
  );
});

test('each decision leaves one receipt, and only an allowed one a grant', async () => {
  const allowed = await policy.decide(runOf(), balance('receipts'));
  const denied = await policy.decide(runOf(), { tool: 'customers.export', args: {}, step: 'receipts' });
  for (const decision of [allowed, denied])
    assert.equal(await count('receipts', `decision_id = '${decision.id}'`), 1);
  assert.match(allowed.grant ?? '', /^grant_[0-9a-f-]{36}_[0-9a-f-]{36}$/);
  assert.equal(await count('grants', `decision_id = '${denied.id}'`), 0);
});

test('a burst of decisions costs few transactions', async () => {
  const before = await commits();
  await Promise.all(
    Array.from({ length: 150 }, (_value, index) => policy.decide(runOf(), balance(`burst-${index}`))),
  );
  assert.equal(await count('decisions', `step like 'burst-%'`), 150);
  assert.ok((await commits()) - before < 40);
});

async function commits(): Promise<number> {
  // Statistics are flushed at most once a second by each backend unless they are asked for.
  await db.pool.query('select pg_stat_force_next_flush()');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { rows } = await db.pool.query<{ n: number }>(
    'select xact_commit as n from pg_stat_database where datname = current_database()',
  );
  return rows[0]?.n ?? 0;
}

test('an unused decision of another epoch, other rules or another hour is taken anew', async () => {
  const first = await policy.decide(runOf(), balance('void'));
  epoch.bump();
  const second = await policy.decide(runOf(), balance('void'));
  assert.notEqual(second.grant, first.grant);
  await db.pool.query(`update decisions set expires_at = now() where step = 'void'`);
  const third = await policy.decide(runOf(), balance('void'));
  assert.notEqual(third.grant, second.grant);
  await db.pool.query(`update decisions set policy_version = 'old' where step = 'void'`);
  assert.notEqual((await policy.decide(runOf(), balance('void'))).grant, third.grant);
  assert.equal(await count('grants', `id = '${first.grant}'`), 0);
});

test('a decision that was used or asked about stays as it is', async () => {
  const used = await policy.decide(runOf(), balance('used'));
  await db.pool.query(`update grants set consumed_at = now() where id = $1`, [used.grant]);
  await db.pool.query(`update decisions set expires_at = now() - interval '1 hour' where id = $1`, [used.id]);
  assert.equal((await policy.decide(runOf(), balance('used'))).id, used.id);
});

test('an approval is granted once, and never under other rules or in another epoch', async () => {
  const call = { tool: 'code.run', args: { language: 'python', code: '1' } };
  const asked = await policy.decide(runOf(), { ...call, step: 'a' });
  assert.equal(asked.grant, null);
  const grant = await policy.issueGrant(db.pool, asked.id);
  assert.equal(await policy.issueGrant(db.pool, asked.id), grant);
  assert.equal((await policy.decide(runOf(), { ...call, step: 'a' })).grant, null);

  const stale = await policy.decide(runOf(), { ...call, step: 'b' });
  await db.pool.query(`update decisions set policy_version = 'old' where id = $1`, [stale.id]);
  await assert.rejects(policy.issueGrant(db.pool, stale.id), { code: 'GH-GRANT-006' });

  // A restored database asks again about what was approved and done after the backup was made.
  const restored = await policy.decide(runOf(), { ...call, step: 'd' });
  epoch.bump();
  await assert.rejects(policy.issueGrant(db.pool, restored.id), { code: 'GH-GRANT-007' });
  assert.notEqual((await policy.decide(runOf(), { ...call, step: 'd' })).id, restored.id);
  const denied = await policy.decide(runOf(), { tool: 'customers.export', args: {}, step: 'c' });
  await assert.rejects(policy.issueGrant(db.pool, denied.id), { code: 'GH-POLICY-030' });
});

test('arguments that cannot be stored or compared are refused by themselves', async () => {
  const deep = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as unknown;
  for (const text of ['\0', 'a\0b', '\ud800']) {
    const call = { tool: 'conversation.reply', args: { text }, step: 'bad' };
    await assert.rejects(policy.decide(runOf(), call), { code: 'GH-POLICY-020', field: 'args' });
  }
  await assert.rejects(policy.decide(runOf(), { tool: 'x', args: deep, step: 'bad' }), {
    code: 'GH-POLICY-020',
  });
  const step = 'x'.repeat(301);
  await assert.rejects(policy.decide(runOf(), balance(step)), { code: 'GH-POLICY-021' });
  const harmless = { tool: 'conversation.reply', args: { text: String.raw`\u0000` }, step: 'good' };
  assert.equal((await policy.decide(runOf(), harmless)).effect, 'allow');
});

/** How many of these calls of a message are asked about, each of which its requester would have to confirm. */
async function confirmed(name: string, steps: readonly string[], atOnce: boolean): Promise<string[]> {
  const run = runOf({ messageId: `web:local:c1:${name}:0`, sessionKey: name });
  const ask = (step: string) =>
    policy.decide(run, { tool: 'gatehouse.cancel', args: { request: `dec_${step}` }, step });
  const decided = atOnce ? await Promise.all(steps.map(ask)) : [];
  if (!atOnce) for (const step of steps) decided.push(await ask(step));
  return decided.map(({ effect, reasons }) => (effect === 'deny' ? (reasons[0]?.code ?? '') : effect));
}
const numbers = (count: number): string[] => Array.from({ length: count }, (_value, index) => `${index}`);

test('all calls of a document are one ask, decided one by one or at once', async () => {
  for (const atOnce of [false, true]) {
    const effects = await confirmed(`document-${atOnce}`, numbers(8), atOnce);
    assert.deepEqual(
      effects,
      Array.from({ length: 8 }, () => 'confirm'),
    );
  }
});

test('a message cannot ask for more than three full cards, decided one by one or at once', async () => {
  for (const atOnce of [false, true]) {
    const effects = await confirmed(`flood-${atOnce}`, numbers(65), atOnce);
    assert.deepEqual(
      effects.slice(0, 60),
      Array.from({ length: 60 }, () => 'confirm'),
    );
    assert.deepEqual(
      effects.slice(60),
      Array.from({ length: 5 }, () => 'too_many_asks'),
    );
  }
});

test('beside three approvals that wait, no card of a document is asked about', async () => {
  const run = { messageId: 'web:local:c1:full:0', sessionKey: 'full' };
  for (const step of ['a', 'b', 'c']) {
    const args = { language: 'python', code: '1' };
    assert.equal((await policy.decide(runOf(run), { tool: 'code.run', args, step })).effect, 'approve');
  }
  assert.deepEqual(await confirmed('full', ['1', '2'], true), ['too_many_asks', 'too_many_asks']);
});

test('a burst cannot ask more often than calls one by one', async () => {
  const run = { messageId: 'web:local:c1:burst:0', sessionKey: 'burst' };
  const ask = (step: string) =>
    policy.decide(runOf(run), { tool: 'code.run', args: { language: 'python', code: '1' }, step });
  const burst = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(ask));
  assert.deepEqual(
    burst.map(({ effect, reasons }) => [effect, reasons[0]?.code]),
    [
      ...Array.from({ length: 3 }, () => ['approve', 'code_needs_approval']),
      ...Array.from({ length: 2 }, () => ['deny', 'too_many_asks']),
    ],
  );
  assert.equal((await ask('f')).reasons[0]?.code, 'too_many_asks');
  assert.equal((await ask('a')).id, burst[0]?.id, 'a repeated question is no further ask');
  await policy.issueGrant(db.pool, burst[1]?.id ?? '');
  assert.equal((await ask('g')).effect, 'approve', 'an answered one makes room');
});

test('the kill switch survives in the database and leaves receipts', async () => {
  await policy.setKillSwitch({ engaged: true, reason: 'drill', by: 'admin' });
  assert.equal(await count('kill_switch', `stopped ? 'all'`), 1);
  await policy.setKillSwitch({ engaged: false, reason: 'over', by: 'admin' });
  assert.equal(await count('receipts', `kind = 'kill-switch'`), 2);
});
