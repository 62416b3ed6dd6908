import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { createPostgresExecutor, type Executor } from '../../../gateway/durable/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { createTools, requeueCall, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import type { Connector } from '../../../gateway/tools/types.ts';
import { runOf } from '../policy/support.ts';
import { approve, bench, storeRun, type Bench } from './support.ts';

let at: Bench;
let boss: PgBoss;
let executor: Executor;
let tools: Tools;
let ledger: Connector;
let round = 0;
/** What the system of record does at each try; the last for all that follow. */
let weather: ('away' | 'busy' | 'dead' | 'up')[] = ['up'];
/** How often the store of secrets says that it is sealed, and how often it was asked. */
let sealed = 0;
let tries = 0;

const away = (): GatehouseError => new GatehouseError('GH-TOOLS-002', 'The system cannot be reached.');
const sealedStore = (): GatehouseError =>
  new GatehouseError('GH-VAULT-011', 'The secret store main is sealed.', { status: 503, next: 'Unseal it.' });
const busy = (): GatehouseError => new GatehouseError('GH-TOOLS-044', 'Too many.', { retryAfter: 1 });
const flaky: Connector = {
  secretFor: (tool) => tool.secret,
  run(call) {
    const now = weather[Math.min(tries, weather.length - 1)];
    tries += 1;
    if (now === 'away') return Promise.reject(away());
    if (now === 'busy') return Promise.reject(busy());
    if (now === 'dead') return Promise.reject(new Error('the line went dead'));
    return ledger.run(call);
  },
};

before(async () => {
  at = await bench();
  ledger = at.deps.connectors.postgres;
  boss = new PgBoss({ connectionString: at.db.url, max: 3 });
  boss.on('error', () => undefined);
  await boss.start();
  executor = createPostgresExecutor({ boss, log: at.deps.log }, { pollSeconds: 0.5 });
  tools = made();
  await executor.start((id) => tools.tryAgain(id));
});
after(async () => {
  await executor.stop();
  await boss.stop({ graceful: false });
  await at.close();
});
beforeEach(async () => {
  round += 1;
  tries = 0;
  weather = ['up'];
  sealed = 0;
  at.replies.length = 0;
  await storeRun(at, run());
});
afterEach(async () => {
  const { rows } = await at.db.pool.query('select from leases where ended_at is null');
  assert.equal(rows.length, 0, 'no loan outlives its call');
});

const made = (patienceMs = 15_000): Tools =>
  createTools({
    ...at.deps,
    connectors: { ...at.deps.connectors, postgres: flaky },
    leases: {
      ...at.deps.leases,
      lend(...of) {
        sealed -= 1;
        return sealed >= 0 ? Promise.reject(sealedStore()) : at.deps.leases.lend(...of);
      },
    },
    executor,
    patienceMs,
  });
const run = (): RunContext =>
  runOf({
    messageId: `web:local:c1:${round}:0`,
    runId: `00000000-0000-7000-8000-${String(round).padStart(12, '0')}`,
    words: ['120', 'EUR', 'ACME', `retry-${round}`],
  });
const payment = (): { tool: string; args: Record<string, string> } => ({
  tool: 'ledger.transfer',
  args: { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: `retry-${round}` },
});
const booked = async (): Promise<number> =>
  (await at.demo.query('select from ledger where reference = $1', [`retry-${round}`])).rows.length;

async function pay(by = tools, reply = false): Promise<Execution> {
  const decision = await at.policy.decide(run(), { ...payment(), step: 'check' });
  const grant = await approve(at, decision.id);
  return by.execute(run(), { ...payment(), grant, step: 'x', reply });
}

const stateOf = async (): Promise<{ id: string; state: string; tries: number; waits_for: string | null }> => {
  const { rows } = await at.db.pool.query<Awaited<ReturnType<typeof stateOf>>>(
    `select id, state, tries, waits_for from attempts where message_id = $1 and tool = 'ledger.transfer'`,
    [run().messageId],
  );
  assert.equal(rows.length, 1);
  return rows[0] as Awaited<ReturnType<typeof stateOf>>;
};
async function ended(): Promise<string> {
  for (let left = 300; left > 0; left -= 1) {
    const { state } = await stateOf();
    if (state !== 'planned' && state !== 'attempting') return state;
    await sleep(100);
  }
  throw new Error('the call never ended');
}
/** Lets its time be over, or its next try be now. */
const set = (column: 'deadline_at' | 'next_try_at', seconds: number): Promise<unknown> =>
  at.db.pool.query(
    `update attempts set ${column} = now() + make_interval(secs => $2) where message_id = $1`,
    [run().messageId, seconds],
  );

test('a call whose system is away for a moment is done once, and who asked only waits', async () => {
  weather = ['away', 'busy', 'up'];
  const paid = await pay();
  assert.equal(paid.status, 'succeeded', paid.text);
  assert.notEqual(paid.replayed, true);
  assert.deepEqual([await booked(), tries, (await stateOf()).tries], [1, 3, 3]);
  const { rows } = await at.db.pool.query<{ kind: string }>(
    `select kind from receipts where message_id = $1 and kind in ('attempt', 'secret.lease', 'outcome') order by kind`,
    [run().messageId],
  );
  assert.deepEqual(
    rows.map(({ kind }) => kind),
    [...Array<string>(3).fill('attempt'), 'outcome', ...Array<string>(3).fill('secret.lease')],
    'each try leaves its receipt and has a loan of its own',
  );
});

test('who does not wait so long is told that it is tried again, and then how it ended, once each', async () => {
  weather = ['away', 'away', 'up'];
  const told = await pay(made(300), true);
  assert.equal(told.status, 'planned');
  assert.match(
    told.text ?? '',
    /cannot be reached, so it is not done yet\. It is tried again until \d\d:\d\d UTC, and the outcome follows here\./,
  );
  assert.equal(told.replied, true);
  assert.equal(await booked(), 0);
  assert.equal(await ended(), 'succeeded');
  assert.deepEqual([await booked(), tries], [1, 3]);
  assert.deepEqual(
    at.replies.map(({ text }) => text.split('.', 1)[0]),
    ['Its system cannot be reached, so it is not done yet', 'Paid 120'],
  );
  const again = await tools.execute(run(), { ...payment(), step: 'x' });
  assert.deepEqual([again.status, again.replayed, await booked()], ['succeeded', true, 1]);
});

test('a call whose secret is in a sealed store waits for it, says so, and is made once', async () => {
  sealed = 2;
  const told = await pay(made(300), true);
  assert.deepEqual([told.status, told.reasons?.[0]?.code], ['planned', 'waits_secrets']);
  assert.match(
    told.text ?? '',
    /^The store with the secret for its system does not answer, so it is not done yet\./,
  );
  assert.equal((await stateOf()).waits_for, 'secrets');
  assert.equal(await ended(), 'succeeded');
  assert.deepEqual([await booked(), tries, (await stateOf()).tries], [1, 1, 3]);
  assert.match(at.replies.at(-1)?.text ?? '', /^Paid 120/);
});

test('a read whose secret is in a sealed store says so at once', async () => {
  sealed = 1;
  const read = await tools.execute(run(), { tool: 'ledger.balance', args: {}, step: 'read' });
  assert.deepEqual([read.status, read.reasons?.[0]?.code, tries], ['failed', 'GH-VAULT-011', 0]);
  assert.equal(read.text, 'The secret store main is sealed. Unseal it.');
});

test('what may have happened is never tried again', async () => {
  const tool = at.catalogue.get('ledger.transfer');
  assert.equal(tool?.idempotencyKey, 'attempt');
  weather = ['dead', 'away', 'up'];
  assert.equal((await pay()).status, 'unknown');
  assert.deepEqual([await booked(), tries, (await stateOf()).state], [0, 2, 'unknown']);
});

test('a read answers at once', async () => {
  weather = ['away'];
  const read = await tools.execute(run(), { tool: 'ledger.balance', args: {}, step: 'read' });
  assert.deepEqual([read.status, read.reasons?.[0]?.code, tries], ['failed', 'GH-TOOLS-002', 1]);
});

test('a call whose time is over is given up, told, and can be put back under the approval that it had', async () => {
  weather = ['away'];
  assert.equal((await pay(made(0), true)).status, 'planned');
  await set('deadline_at', -1);
  await set('next_try_at', 0);
  assert.equal(await ended(), 'failed');
  assert.match(at.replies.at(-1)?.text ?? '', /could not be done in time/);
  const { id, waits_for: waitsFor } = await stateOf();
  assert.equal(waitsFor, 'unreachable');
  await requeueCall(at.db.pool, id, { seconds: 60, by: 'test' });
  await assert.rejects(requeueCall(at.db.pool, id, { seconds: 60, by: 'test' }), { code: 'GH-TOOLS-083' });
  weather = ['up'];
  await sleep(10);
  await at.db.pool.query(`update attempts set next_try_at = now() - interval '6 s' where id = $1`, [id]);
  await tools.awaken();
  assert.equal(await ended(), 'succeeded');
  assert.equal(await booked(), 1);
  assert.match(at.replies.at(-1)?.text ?? '', /^Paid 120/);
});

const stops: [string, () => Promise<unknown>, string, string][] = [
  [
    'the kill switch',
    () =>
      at.policy.setKillSwitch({ engaged: true, target: 'tool:ledger.transfer', reason: 'test', by: 'test' }),
    'failed',
    'not_tried_stopped',
  ],
  [
    'rules that changed',
    () =>
      at.db.pool.query(`update grants set policy_version = 'another' where message_id = $1`, [
        run().messageId,
      ]),
    'failed',
    'not_tried_rules',
  ],
  [
    'a restore: a later state that is gone may have done it',
    () => Promise.resolve(at.epoch.bump()),
    'unknown',
    'not_tried_restored',
  ],
  [
    'arguments that were deleted',
    () => at.db.pool.query(`update decisions set args = null where message_id = $1`, [run().messageId]),
    'failed',
    'not_tried_forgotten',
  ],
];
for (const [name, happen, state, code] of stops)
  test(`attack: a call that waits is stopped by ${name}`, async () => {
    weather = ['away', 'up'];
    assert.equal((await pay(made(0))).status, 'planned');
    await happen();
    await set('next_try_at', 0);
    await tools.tryAgain((await stateOf()).id);
    assert.equal(await ended(), state);
    const answer = await tools.execute(run(), { ...payment(), step: 'x' });
    assert.deepEqual([answer.status, answer.reasons?.[0]?.code], [state, code]);
    assert.deepEqual([await booked(), tries], [0, 1]);
    await at.policy.setKillSwitch({ engaged: false, target: 'tool:ledger.transfer', reason: 'x', by: 'x' });
  });

test('attack: several gateways that come for one call make it once', async () => {
  weather = ['away', 'up'];
  assert.equal((await pay(made(0))).status, 'planned');
  await set('next_try_at', 0);
  const { id } = await stateOf();
  await Promise.all(Array.from({ length: 6 }, () => made().tryAgain(id)));
  assert.equal(await ended(), 'succeeded');
  assert.deepEqual([await booked(), tries], [1, 2]);
});

test('a try is not taken for abandoned because its call was asked for long ago', async () => {
  weather = ['away', 'up'];
  assert.equal((await pay(made(0))).status, 'planned');
  await at.db.pool.query(`update attempts set started_at = now() - interval '1 hour' where message_id = $1`, [
    run().messageId,
  ]);
  await set('next_try_at', 0);
  let settled = -1;
  const slow: Connector = {
    ...flaky,
    async run(call) {
      settled = await tools.recover(600);
      return ledger.run(call);
    },
  };
  const connectors = { ...at.deps.connectors, postgres: slow };
  const { id } = await stateOf();
  await createTools({ ...at.deps, connectors, executor }).tryAgain(id);
  assert.deepEqual([settled, (await stateOf()).state, await booked()], [0, 'succeeded', 1]);
});

test('a call whose job was lost is found, one that is not due yet is left', async () => {
  weather = ['away', 'up'];
  assert.equal((await pay(made(0))).status, 'planned');
  await at.db.pool.query('delete from pgboss.job where name = $1', ['calls']);
  await set('next_try_at', 60);
  const { id } = await stateOf();
  await tools.awaken();
  await tools.tryAgain(id);
  assert.equal((await stateOf()).state, 'planned');
  await at.db.pool.query('delete from pgboss.job where name = $1', ['calls']);
  await set('next_try_at', -6);
  await tools.awaken();
  assert.equal(await ended(), 'succeeded');
});

test('an outcome that Postgres went away from is stored when it is back, and only once', async () => {
  const decision = await at.policy.decide(run(), { ...payment(), step: 'check' });
  const grant = await approve(at, decision.id);
  let refused = 0;
  const connect = at.db.pool.connect.bind(at.db.pool);
  const cutting: Connector = {
    ...flaky,
    async run(call) {
      const done = await ledger.run(call);
      const until = Date.now() + 1000;
      Object.assign(at.db.pool, {
        connect: () => {
          if (Date.now() > until) return connect();
          refused += 1;
          return Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
        },
      });
      return done;
    },
  };
  const gateway = createTools({
    ...at.deps,
    connectors: { ...at.deps.connectors, postgres: cutting },
    executor,
  });
  const paid = await gateway.execute(run(), { ...payment(), grant, step: 'x' });
  Object.assign(at.db.pool, { connect });
  assert.ok(refused > 1);
  assert.deepEqual([paid.status, await booked(), (await stateOf()).state], ['succeeded', 1, 'succeeded']);
});
