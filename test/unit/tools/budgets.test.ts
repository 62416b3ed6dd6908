import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { openPool, transaction, type Pool } from '../../../gateway/db/index.ts';
import { createPolicy, type RunContext } from '../../../gateway/policy/index.ts';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { startAttempt } from '../../../gateway/tools/attempts.ts';
import { presentedBy, readied } from '../../../gateway/tools/perform.ts';
import type { Connector } from '../../../gateway/tools/types.ts';
import { policiesWith, runOf } from '../policy/support.ts';
import { approve, bench, storeRun, type Bench } from './support.ts';

const limits = `
default:
  sender: { messages: 30, seconds: 60, queue: 120 }
  channel: { messages: 6000, seconds: 60, queue: 60000 }
pendingAsks: 100
budgets:
  - { name: own-payments, per: person-day, tool: ledger.transfer, spend: { currency: EUR, amount: '10.00' } }
  - { name: all-payments, per: day, tool: ledger.transfer, spend: { currency: EUR, amount: '1000.00' } }
  - { name: replies, per: session, tool: conversation.reply, calls: 3 }
`;
const released: (() => Promise<void>)[] = [];
let at: Bench;
let folder: string;
let tools: Tools;
let other: { pool: Pool; tools: Tools };
let person = 0;
let message = 0;

before(async () => {
  folder = await policiesWith({ 'limits.yaml': limits }, { after: (work) => released.push(work) });
  at = await bench({}, folder);
  tools = createTools(at.deps);
  // A second gateway on the same database.
  const pool = openPool(at.db.url, 16);
  const policy = await createPolicy({
    pool,
    policiesDir: folder,
    catalogue: at.catalogue,
    clock: () => new Date(),
    epoch: at.epoch,
    settings: { decisionSeconds: 300, approvalSeconds: 3600 },
  });
  other = { pool, tools: createTools({ ...at.deps, pool, policy }) };
});
after(async () => {
  await other.pool.end();
  await at.close();
  for (const work of released) await work();
});
beforeEach(() => {
  person += 1;
});

/** Each call is another message, of the person of this test. */
const run = (change: Partial<RunContext> = {}): RunContext => {
  message += 1;
  return runOf({
    messageId: `web:local:c1:${message}:0`,
    runId: `00000000-0000-7000-8000-${String(message).padStart(12, '0')}`,
    principal: `person-${person}`,
    sessionKey: `session-${person}`,
    ...change,
  });
};
const call = (amount: string): { tool: string; args: object; step: string } => ({
  tool: 'ledger.transfer',
  args: { amount, currency: 'EUR', payee: 'ACME', reference: `person-${person}` },
  step: 'x:0:0',
});

/** A payment that was decided and approved, and waits to be made by a gateway. */
async function ready(amount: string, run_ = run()): Promise<(by: Tools) => Promise<Execution>> {
  const decision = await at.policy.decide(run_, call(amount));
  assert.equal(decision.effect, 'approve', JSON.stringify(decision.reasons));
  const grant = await approve(at, decision.id);
  return (by) => by.execute(run_, { ...call(amount), grant });
}
const booked = async (): Promise<number> =>
  (await at.demo.query('select from ledger where reference = $1', [`person-${person}`])).rows.length;
async function used(budget = 'own-payments', holder = `person-${person}`): Promise<number> {
  const { rows } = await at.db.pool.query<{ used: number }>(
    'select sum(used)::int as used from budgets where budget = $1 and holder = $2',
    [budget, holder],
  );
  return rows[0]?.used ?? 0;
}

test('of 64 payments at once over two gateways, exactly as many are made as the budget holds', async () => {
  const payments = await Promise.all(Array.from({ length: 64 }, () => ready('1.00')));
  const answers = await Promise.all(payments.map((pay, index) => pay(index % 2 === 0 ? tools : other.tools)));
  assert.equal(answers.filter((answer) => answer.status === 'succeeded').length, 10);
  assert.equal(await booked(), 10);
  assert.equal(await used(), 1000);
  const refused = answers.filter((answer) => answer.status === 'denied');
  assert.equal(refused.length, 54);
  for (const { reasons, receipt } of refused) {
    assert.equal(reasons?.[0]?.code, 'budget_exceeded');
    assert.match(reasons[0].text, /own-payments: \d+\.00 EUR are left today\.$/);
    assert.ok(receipt);
  }
});

test('two sessions of one person race for one budget, and two people do not', async () => {
  const stranger = { principal: `stranger-${person}`, sessionKey: 'elsewhere' };
  const [first, second, third] = [
    await ready('6.00'),
    await ready('6.00', run({ sessionKey: 'another-session' })),
    await ready('6.00', run(stranger)),
  ];
  const answers = await Promise.all([first(tools), second(other.tools), third(tools)]);
  assert.deepEqual(
    answers
      .slice(0, 2)
      .map((answer) => answer.status)
      .sort(),
    ['denied', 'succeeded'],
  );
  assert.equal(answers[2]?.status, 'succeeded');
});

test('a refused payment leaves its grant unspent, and takes nothing from the budgets beside', async () => {
  await (
    await ready('9.00')
  )(tools);
  // Decided before the budget was used up.
  const late = run();
  const decision = await at.policy.decide(late, call('1.00'));
  const grant = await approve(at, decision.id);
  await at.db.pool.query(`update budgets set used = allowed where holder = $1`, [late.principal]);
  const shared = await used('all-payments', '');
  assert.equal((await tools.execute(late, { ...call('1.00'), grant })).status, 'denied');
  assert.equal(await used('all-payments', ''), shared);
  await at.db.pool.query(`update budgets set used = 0 where holder = $1`, [late.principal]);
  assert.equal((await tools.execute(late, { ...call('1.00'), grant })).status, 'succeeded');
});

test('a payment over budget is refused before anybody is asked, and told what is left', async () => {
  await (
    await ready('9.50')
  )(tools);
  const decision = await at.policy.decide(run(), call('0.51'));
  assert.equal(decision.effect, 'deny');
  assert.deepEqual(decision.reasons, [
    {
      code: 'budget_exceeded',
      text: 'The budget own-payments is not enough for this: 0.50 EUR are left today.',
    },
  ]);
  assert.equal((await at.policy.decide(run(), call('0.50'))).effect, 'approve');
});

test('a payment in a currency without a budget is refused where another currency has one', async () => {
  const usd = { ...call('1.00'), args: { ...call('1.00').args, currency: 'USD' } };
  const decision = await at.policy.decide(run(), usd);
  assert.deepEqual([decision.effect, decision.reasons[0]?.code], ['deny', 'budget_currency']);
});

const ends: [string, Connector, 'failed' | 'unknown', number][] = [
  ['gives back what it took', { run: () => Promise.reject(new GatehouseError('X', 'no')) }, 'failed', 0],
  ['keeps it', { run: () => Promise.reject(new Error('the line went dead')) }, 'unknown', 400],
];
for (const [does, postgres, status, left] of ends) {
  test(`a payment that ends as ${status} ${does}`, async () => {
    const broken = createTools({ ...at.deps, connectors: { ...at.deps.connectors, postgres } });
    const answer = await (await ready('4.00'))(broken);
    assert.deepEqual([answer.status, await used()], [status, left]);
  });
}

/** A gateway that died right after it had committed the attempt. */
async function crashed(amount: string): Promise<void> {
  const of = run();
  await storeRun(at, of);
  const decision = await at.policy.decide(of, call(amount));
  const grant = await approve(at, decision.id);
  const readyCall = readied(at.deps, of, call(amount));
  assert.ok(readyCall);
  const presented = presentedBy(readyCall, grant);
  await transaction(at.db.pool, (tx) => {
    const decisionId = at.policy.consumeGrant(tx, presented);
    const secret = readyCall.tool.secret ?? null;
    startAttempt(
      tx,
      at.deps.leases,
      { ...presented, decisionId },
      { step: 'x:0:0', secret, target: { tool: presented.tool }, destinations: [], room: null },
    );
  });
}

test('what a gateway took before it died stays taken once the call was made, and where nobody knows', async () => {
  await crashed('3.00');
  assert.equal(await used(), 300);
  assert.equal(await tools.recover(), 1);
  assert.deepEqual([await booked(), await used()], [1, 300]);

  await crashed('5.00');
  assert.equal(await used(), 800);
  at.epoch.bump();
  assert.equal(await tools.recover(), 1);
  // Nobody knows whether it was made, so it counts as made.
  assert.deepEqual([await booked(), await used()], [1, 800]);
});

test('a transaction that fails after it took something took nothing', async () => {
  const of = run();
  const decision = await at.policy.decide(of, call('3.00'));
  const grant = await approve(at, decision.id);
  const readyCall = readied(at.deps, of, call('3.00'));
  assert.ok(readyCall);
  await assert.rejects(
    transaction(at.db.pool, (tx) => {
      at.policy.consumeGrant(tx, presentedBy(readyCall, grant));
      throw new Error('the gateway died');
    }),
  );
  assert.equal(await used(), 0);
});

test('a new day by Postgres’s clock starts afresh, and what was taken yesterday is given back to yesterday', async () => {
  await (
    await ready('10.00')
  )(tools);
  const tomorrow = run();
  assert.equal((await at.policy.decide(tomorrow, call('1.00'))).effect, 'deny');
  await at.db.pool.query(`update budgets set day = day - 1 where holder = $1`, [`person-${person}`]);
  await at.db.pool.query(`update reservations set day = day - 1 where holder = $1`, [`person-${person}`]);
  assert.equal((await (await ready('10.00'))(tools)).status, 'succeeded');
  assert.equal((await at.policy.decide(run(), call('0.01'))).effect, 'deny');
  const { rows } = await at.db.pool.query(
    `select used, day = (now() at time zone 'utc')::date as today from budgets where holder = $1 order by day`,
    [`person-${person}`],
  );
  assert.deepEqual(rows, [
    { used: 1000, today: false },
    { used: 1000, today: true },
  ]);
});

test('a limit that was lowered below what is used lets nothing more through', async () => {
  await (
    await ready('8.00')
  )(tools);
  const late = await ready('1.00');
  await at.db.pool.query(`update budgets set used = 5000, allowed = 5000 where holder = $1`, [
    `person-${person}`,
  ]);
  assert.equal((await late(tools)).reasons?.[0]?.code, 'budget_exceeded');
});

test('a repeated execution takes from the budget once', async () => {
  const pay = await ready('4.00');
  await Promise.all([pay(tools), pay(other.tools), pay(tools)]);
  await pay(other.tools);
  assert.deepEqual([await booked(), await used()], [1, 400]);
});

test('calls that are decided and made in one transaction share a budget without overshoot as well', async () => {
  const reply = (by: Tools): Promise<Execution> =>
    by.execute(run(), { tool: 'conversation.reply', args: { text: 'hello' }, step: 'x:0:0' });
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_value, index) => reply(index % 2 === 0 ? tools : other.tools)),
  );
  assert.equal(answers.filter((answer) => answer.status === 'succeeded').length, 3);
  assert.ok(
    answers.every(
      ({ status, reasons }) => status === 'succeeded' || reasons?.[0]?.code === 'budget_exceeded',
    ),
  );
  assert.equal(await used('replies', `session-${person}`), 3);
});
