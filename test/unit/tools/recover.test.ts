import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import pg from 'pg';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { startAttempt } from '../../../gateway/tools/attempts.ts';
import { createTools, type Tools } from '../../../gateway/tools/index.ts';
import type { Connector } from '../../../gateway/tools/types.ts';
import { callDigest } from '../../../gateway/policy/index.ts';
import { runOf } from '../policy/support.ts';
import { createLeases } from '../../../gateway/vault/index.ts';
import { approve, bench, storeRun, type Bench } from './support.ts';

let at: Bench;
let tools: Tools;
let round = 0;
const run = (): ReturnType<typeof runOf> =>
  runOf({
    messageId: `web:local:c1:${round}:0`,
    runId: `00000000-0000-7000-8000-${String(round).padStart(12, '0')}`,
    words: ['120', 'EUR', 'ACME', 'x'],
  });
const broken: Connector = { run: () => Promise.reject(new Error('the line went dead')) };

before(async () => {
  at = await bench({ http: broken });
  tools = createTools(at.deps);
});
after(() => at.close());
beforeEach(() => {
  round += 1;
});

/** A call whose gateway died right after its grant was spent. */
async function crashed(tool: string, args: Record<string, string>): Promise<void> {
  await storeRun(at, run());
  const decision = await at.policy.decide(run(), { tool, args, step: 'check' });
  const grant = await approve(at, decision.id);
  const { messageId, sessionKey } = run();
  const { digest } = callDigest(tool, args);
  await transaction(at.db.pool, (tx) =>
    startAttempt(
      tx,
      at.deps.leases,
      { grant, messageId, sessionKey, tool, digest, decisionId: decision.id },
      {
        step: 'x',
        secret: at.catalogue.get(tool)?.secret ?? null,
        target: { tool },
        destinations: [],
        room: null,
      },
    ),
  );
}
const payment = (): Record<string, string> => ({
  amount: '1.00',
  currency: 'EUR',
  payee: 'ACME',
  reference: `r-${round}`,
});
const booked = async (): Promise<number> =>
  (await at.demo.query('select from ledger where reference = $1', [`r-${round}`])).rows.length;

test('an interrupted payment is booked after the restart, once, and its retry gets that outcome', async () => {
  await crashed('ledger.transfer', payment());
  assert.equal(
    (await tools.execute(run(), { tool: 'ledger.transfer', args: payment(), step: 'x' })).status,
    'unknown',
  );
  assert.equal(await tools.recover(), 1);
  assert.equal(await booked(), 1);
  const again = await tools.execute(run(), { tool: 'ledger.transfer', args: payment(), step: 'x' });
  assert.deepEqual([again.status, again.replayed], ['succeeded', true]);
  assert.equal(await tools.recover(), 0);
});

test('a payment that was booked before the crash is not booked again', async () => {
  await crashed('ledger.transfer', payment());
  const { rows } = await at.db.pool.query<{ id: string }>(
    `select id from attempts where state = 'attempting'`,
  );
  await at.demo.query(
    `insert into ledger (account, amount, currency, payee, reference, idempotency_key)
     values ('main', 1, 'EUR', 'ACME', $1, $2)`,
    [`r-${round}`, rows[0]?.id],
  );
  await tools.recover();
  assert.equal(await booked(), 1);
});

test('a call that cannot be repeated safely becomes unknown', async () => {
  await crashed('http.request', { method: 'POST', url: 'https://example.com/' });
  await tools.recover();
  const { rows } = await at.db.pool.query(`select state from attempts where message_id = $1`, [
    run().messageId,
  ]);
  assert.deepEqual(rows, [{ state: 'unknown' }]);
});

test('what was started before a restore is never run again', async () => {
  await crashed('ledger.transfer', payment());
  at.epoch.bump();
  await tools.recover();
  assert.equal(await booked(), 0);
  const { rows } = await at.db.pool.query(`select state from attempts where message_id = $1`, [
    run().messageId,
  ]);
  assert.deepEqual(rows, [{ state: 'unknown' }]);
});

test('an interrupted payment whose system is gone at the restart is unknown, not failed', async () => {
  await crashed('ledger.transfer', payment());
  const gone: Connector = { run: () => Promise.reject(new GatehouseError('GH-TOOLS-002', 'unreachable')) };
  const later = createTools({ ...at.deps, connectors: { ...at.deps.connectors, postgres: gone } });
  assert.equal(await later.recover(), 1);
  const answer = await tools.execute(run(), { tool: 'ledger.transfer', args: payment(), step: 'x' });
  assert.equal(answer.status, 'unknown');
  const { rows } = await at.db.pool.query(`select from leases where ended_at is null`);
  assert.equal(rows.length, 0, 'its loan is over');
});

test('a payment that may have been booked at its first try is not called failed at the second', async () => {
  let tries = 0;
  const flaky: Connector = {
    run: () => {
      tries += 1;
      return Promise.reject(
        tries === 1 ? new Error('cut') : new GatehouseError('GH-TOOLS-002', 'unreachable'),
      );
    },
  };
  const shaky = createTools({ ...at.deps, connectors: { ...at.deps.connectors, postgres: flaky } });
  const call = { tool: 'ledger.transfer', args: payment() };
  const decision = await at.policy.decide(run(), { ...call, step: 'check' });
  const answer = await shaky.execute(run(), { ...call, grant: await approve(at, decision.id), step: 'x' });
  assert.deepEqual([tries, answer.status], [2, 'unknown']);
});

test('nothing is run again while the kill switch is on', async () => {
  await crashed('ledger.transfer', payment());
  await at.policy.setKillSwitch({ engaged: true, reason: 'incident', by: 'test' });
  await tools.recover();
  await at.policy.setKillSwitch({ engaged: false, reason: 'over', by: 'test' });
  assert.equal(await tools.recover(), 0);
  assert.equal(await booked(), 0);
  const { rows } = await at.db.pool.query(`select state from attempts where message_id = $1`, [
    run().messageId,
  ]);
  assert.deepEqual(rows, [{ state: 'unknown' }]);
});

test('a call that failed is not tried a second time once the kill switch is on', async () => {
  let tries = 0;
  const failing: Connector = {
    async run() {
      tries += 1;
      await at.policy.setKillSwitch({ engaged: true, reason: 'incident', by: 'test' });
      throw new Error('the line went dead');
    },
  };
  const stopped = createTools({ ...at.deps, connectors: { ...at.deps.connectors, postgres: failing } });
  const answer = await stopped.execute(run(), { tool: 'ledger.balance', args: {}, step: 'x' });
  await at.policy.setKillSwitch({ engaged: false, reason: 'over', by: 'test' });
  assert.deepEqual([answer.status, tries], ['unknown', 1]);
});

test('a withdrawal that was interrupted is not repeated: it could hit another request', async () => {
  let cancelled = 0;
  const gatehouse: Connector = {
    run() {
      cancelled += 1;
      return Promise.resolve({ status: 'succeeded', result: { text: 'Cancelled.' } });
    },
  };
  await storeRun(at, run());
  const decision = await at.policy.decide(run(), { tool: 'gatehouse.cancel', args: {}, step: 'check' });
  const { messageId, sessionKey } = run();
  const { digest } = callDigest('gatehouse.cancel', {});
  const presented = {
    grant: decision.grant ?? '',
    messageId,
    sessionKey,
    tool: 'gatehouse.cancel',
    digest,
    decisionId: decision.id,
  };
  await transaction(at.db.pool, (tx) =>
    startAttempt(tx, at.deps.leases, presented, {
      step: 'x',
      secret: null,
      target: { tool: presented.tool },
      destinations: [],
      room: null,
    }),
  );
  await createTools({ ...at.deps, connectors: { ...at.deps.connectors, gatehouse } }).recover();
  assert.equal(cancelled, 0);
});

test('a call that another gateway is making is left to it for as long as that gateway lives', async () => {
  await crashed('ledger.transfer', payment());
  const other = new pg.Client({ connectionString: at.db.url, application_name: 'gatehouse other' });
  await other.connect();
  await at.db.pool.query(`update attempts set owner = 'gatehouse other' where state = 'attempting'`);
  assert.equal(await tools.recover(), 0);
  assert.equal(await booked(), 0);
  await other.end();
  // Postgres notices the end of a connection by itself, and not at once.
  for (let tries = 0; tries < 100 && (await tools.recover(3600)) === 0; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await booked(), 1);
});

test('two gateways that settle the same calls hinder neither each other nor the start', async () => {
  await crashed('ledger.transfer', payment());
  const first = run().messageId;
  round += 1;
  await crashed('ledger.transfer', payment());
  const faster: Connector = {
    async run(call) {
      await at.db.pool.query(
        `update attempts set state = 'succeeded' where state = 'attempting' and message_id = $1`,
        [first],
      );
      return at.deps.connectors.postgres.run(call);
    },
  };
  const second = createTools({ ...at.deps, connectors: { ...at.deps.connectors, postgres: faster } });
  assert.equal(await second.recover(), 1);
  assert.equal(await booked(), 1);
});

test('a call of a gateway that was cut off is settled at last, also when Postgres still holds its connection', async () => {
  await crashed('ledger.transfer', payment());
  const other = new pg.Client({ connectionString: at.db.url, application_name: 'gatehouse other' });
  await other.connect();
  await at.db.pool.query(
    `update attempts set owner = 'gatehouse other', started_at = now() - interval '16 min' where state = 'attempting'`,
  );
  assert.equal(await tools.recover(3600), 1);
  await other.end();
});

test('a young attempt is left alone when only old ones are asked for', async () => {
  await crashed('ledger.transfer', payment());
  assert.equal(await tools.recover(60), 0);
  assert.equal(await tools.recover(), 1);
});

test('a system that stops answering leaves an unknown outcome, never a success', async () => {
  const call = { tool: 'http.request', args: { method: 'POST', url: 'https://example.com/' } };
  const decision = await at.policy.decide(run(), { ...call, step: 'check' });
  const grant = await approve(at, decision.id);
  const answer = await tools.execute(run(), { ...call, grant, step: 'x' });
  assert.equal(answer.status, 'unknown');
  assert.equal(answer.reasons?.[0]?.code, 'outcome_unknown');
});

test('a secret that is not set is a failure that names the command', async () => {
  const bare = createTools({
    ...at.deps,
    leases: createLeases({ get: () => Promise.resolve(undefined) }),
  });
  const answer = await bare.execute(run(), { tool: 'ledger.balance', args: {}, step: 'x' });
  assert.equal(answer.status, 'failed');
  assert.match(answer.text ?? '', /gatehouse secret set demo\/postgres/);
});
