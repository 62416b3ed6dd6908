import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { transaction } from '../../../gateway/db/index.ts';
import {
  missedItsRow,
  type Decision,
  type KillTarget,
  type Policy,
  type Presented,
  type RunContext,
} from '../../../gateway/policy/index.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { runOf } from './support.ts';

let at: PolicyBench;
let db: PolicyBench['db'];
let policy: Policy;
before(async () => {
  at = await policyBench();
  ({ db } = at);
  policy = await at.open();
});
after(() => at.close());
afterEach(async () => {
  for (const { target } of await policy.killSwitches()) await turn(false, target);
});

const turn = (engaged: boolean, target?: KillTarget): Promise<void> =>
  policy.setKillSwitch({ engaged, reason: 'drill', by: 'admin', target });

let step = 0;
const ask = (run: RunContext): Promise<Decision> =>
  policy.decide(run, { tool: 'ledger.balance', args: {}, step: `s${(step += 1)}` });
const presented = (run: RunContext, decision: Decision): Presented => ({
  grant: decision.grant ?? '',
  messageId: run.messageId,
  sessionKey: run.sessionKey,
  channel: run.channel.kind,
  principal: run.principal,
  args: {},
  tool: decision.tool,
  digest: decision.digest,
  binding: null,
});
/** Spends the grant of a fresh decision. @returns `done`, or the words with which it is refused */
async function spend(run: RunContext, given?: Decision): Promise<string> {
  const call = presented(run, given ?? (await ask(run)));
  try {
    await transaction(db.pool, (tx) => void policy.consumeGrant(tx, call));
    return 'done';
  } catch (error) {
    assert.ok(missedItsRow(error));
    return policy.checkGrant(db.pool, call).then(
      () => 'no reason',
      (reason: Error) => reason.message,
    );
  }
}

const mine = runOf();
const others: RunContext = {
  ...runOf({ messageId: 'slack:T1:C1:1:0', sessionKey: 'another-session', principal: 'approver-a' }),
  channel: { kind: 'slack', visibility: 'dm' },
};

for (const [target, words] of [
  ['channel:web', 'The kill switch is on for this channel.'],
  ['person:requester', 'The kill switch is on for this person.'],
  [`session:${mine.sessionKey}`, 'The kill switch is on for this conversation.'],
] as const) {
  test(`${target} stops its calls and no others`, async () => {
    const before = await ask(mine);
    await turn(true, target);
    assert.equal(await spend(mine, before), words);
    assert.equal(await spend(mine), words, 'also what is decided from now on');
    assert.equal(await spend(others), 'done');
    await turn(false, target);
    assert.equal(await spend(mine, before), 'done');
  });
}

test('a tool is stopped for everybody, and another tool is not', async () => {
  await turn(true, 'tool:ledger.balance');
  assert.equal(await spend(mine), 'The kill switch is on for this tool.');
  assert.equal(await spend(others), 'The kill switch is on for this tool.');
  const help = await policy.decide(mine, { tool: 'gatehouse.help', args: {}, step: 'help' });
  assert.equal(await spend(mine, help), 'done');
});

test('all stops all, and turning off a part of it does not loosen it', async () => {
  await turn(true);
  await turn(true, 'channel:web');
  await turn(false, 'channel:web');
  assert.equal(await spend(others), 'The kill switch is on: no tool runs.');
});

test('a person without a principal is stopped by no name, and a name that looks like a target is only a name', async () => {
  const stranger = runOf({ principal: null, messageId: 'web:local:c9:1:0', sessionKey: 'all' });
  await turn(true, 'person:null');
  const help = await policy.judge(db.pool, mine, { tool: 'ledger.balance', args: {}, step: 'j' });
  await transaction(db.pool, (tx) => policy.storeSpent(tx, { ...help, run: stranger }));
  await turn(true, 'session:other');
  assert.equal(await spend(mine), 'done');
});

test('a call that is decided and spent at once is stopped in that transaction', async () => {
  for (const target of ['all', 'tool:ledger.balance', 'person:requester'] as const) {
    await turn(true, target);
    const judgement = await policy.judge(db.pool, mine, { tool: 'ledger.balance', args: {}, step: target });
    await assert.rejects(
      transaction(db.pool, (tx) => policy.storeSpent(tx, judgement)),
      missedItsRow,
    );
    await turn(false, target);
  }
});

test('a switch waits for the calls that did not see it, and none commits after it returned', async () => {
  const held = await ask(mine);
  let release: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => (release = resolve));
  const first = transaction(db.pool, async (tx) => {
    policy.consumeGrant(tx, presented(mine, held));
    await tx.query('select 1');
    await hold;
  });
  await sleep(50);
  let returned = false;
  // Another target than the call's own: the row is one for all.
  const switched = turn(true, 'channel:web').then(() => (returned = true));
  await sleep(150);
  const early = returned;
  const late = spend(mine);
  release();
  await Promise.all([first, switched]);
  assert.equal(early, false, 'it returned while a call that it stops could still commit');
  assert.equal(await late, 'The kill switch is on for this channel.');
});

test('under load no grant is spent after the switch returned', async () => {
  let stopped = Infinity;
  const worker = async (): Promise<void> => {
    for (let round = 0; round < 12; round += 1) {
      const began = performance.now();
      const said = await spend(mine);
      if (began > stopped) assert.notEqual(said, 'done');
    }
  };
  const work = Promise.all(Array.from({ length: 6 }, worker));
  await sleep(40);
  await turn(true, 'tool:ledger.balance');
  stopped = performance.now();
  await work;
});

test('it outlives the gateway, and each turn leaves a receipt with who and why', async () => {
  await turn(true, 'channel:slack');
  const after = await at.open();
  assert.deepEqual(
    (await after.killSwitches()).map(({ target, by, reason }) => [target, by, reason]),
    [['channel:slack', 'admin', 'drill']],
  );
  const { rows } = await db.pool.query<{ facts: object }>(
    `select facts from receipts where kind = 'kill-switch' order by arrival desc limit 1`,
  );
  assert.deepEqual(rows[0]?.facts, { engaged: true, target: 'channel:slack', by: 'admin', reason: 'drill' });
});

test('a tool that is not there and a target of no kind are refused, so that nobody believes in a slip', async () => {
  await assert.rejects(turn(true, 'tool:ledger.balanse'), { code: 'GH-POLICY-041' });
  await turn(false, 'tool:gone.from.the.catalogue');
  for (const target of ['', 'everything', 'tool:', 'host:a', 'person:a\nb'])
    await assert.rejects(turn(true, target as KillTarget), { code: 'GH-POLICY-040' });
});

test('whether a decided call may be tried again is a no for a stopped one and for one that nobody knows', async () => {
  const decision = await ask(mine);
  assert.equal(await policy.killSwitchOn(decision.id), false);
  assert.equal(await policy.killSwitchOn('dec_unknown'), true);
  await turn(true, 'person:requester');
  assert.equal(await policy.killSwitchOn(decision.id), true);
});

test('a clock that went back spends nothing, and voids what was granted by the old time', async () => {
  const granted = await ask(mine);
  await policy.watchClock();
  assert.equal(await spend(mine), 'done');
  // As if the clock had been an hour ahead when it was last looked at.
  await db.pool.query(`update clock_guard set highest = clock_timestamp() + interval '1 hour'`);
  const words = 'The clock of the database went back, so no expiry can be trusted.';
  assert.equal(await spend(mine, granted), words);
  assert.equal(await spend(mine), words);
  assert.equal(await policy.watchClock(), true);
  assert.equal(await spend(mine, granted), 'This grant has expired.');
  assert.equal(await spend(mine), 'done');
  assert.equal(await policy.watchClock(), false);
  const { rows } = await db.pool.query<{ facts: { voided: number } }>(
    `select facts from receipts where kind = 'clock.backward'`,
  );
  assert.equal(rows.length, 1);
  assert.ok((rows[0]?.facts.voided ?? 0) >= 1);
});

test('without the row of the switches or of the clock nothing is spent', async () => {
  const granted = await ask(mine);
  for (const table of ['kill_switch', 'clock_guard']) {
    const { rows } = await db.pool.query<Record<string, unknown>>(`delete from ${table} returning *`);
    assert.notEqual(await spend(mine, granted), 'done', table);
    const [row = {}] = rows;
    await db.pool.query(`insert into ${table} select * from json_populate_record(null::${table}, $1)`, [
      JSON.stringify(row),
    ]);
  }
  assert.equal(await spend(mine, granted), 'done');
});
