import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import type { Connector } from '../../../gateway/tools/types.ts';
import { runOf } from '../policy/support.ts';
import { bench, type Bench } from './support.ts';

let at: Bench;
let tools: Tools;
let breaks = false;
let message = 0;

/** A tool that does nothing but write into our own database. */
const own: Connector = {
  commitsAll: () => true,
  run: () =>
    Promise.resolve({
      status: 'succeeded',
      result: {},
      async commit(tx) {
        await tx.query('insert into effects default values');
        if (breaks) throw new Error('the effect cannot be stored');
      },
    }),
};

before(async () => {
  at = await bench({ gatehouse: own });
  await at.db.pool.query('create table effects (at timestamptz default now())');
  tools = createTools(at.deps);
});
after(() => at.close());

const reply = (): Promise<Execution> =>
  tools.execute(runOf({ messageId: `web:local:c1:${message}:0` }), {
    tool: 'conversation.reply',
    args: { text: 'hello' },
    step: 'x:0:0',
  });

const effects = async (): Promise<number> => (await at.db.pool.query('select from effects')).rows.length;

async function stored(): Promise<Record<string, number>> {
  const { rows } = await at.db.pool.query<Record<string, number>>(
    `select (select count(*) from decisions)::int as decisions, (select count(*) from attempts)::int as attempts,
       (select count(*) from grants where consumed_at is null)::int as unused, (select count(*) from receipts)::int as receipts`,
  );
  return rows[0] ?? {};
}

test('decision, grant, attempt, effect and outcome are there together', async () => {
  message += 1;
  const done = await reply();
  assert.equal(done.status, 'succeeded');
  assert.deepEqual(await stored(), { decisions: 1, attempts: 1, unused: 0, receipts: 3 });
});

test('an effect that cannot be stored leaves nothing behind, and the next try has it once', async () => {
  message += 1;
  const before = await stored();
  breaks = true;
  await assert.rejects(reply(), /cannot be stored/);
  assert.deepEqual(await stored(), before);
  breaks = false;
  const answers = await Promise.all([reply(), reply(), reply()]);
  assert.deepEqual(
    answers.map((answer) => answer.status),
    ['succeeded', 'succeeded', 'succeeded'],
  );
  assert.equal(answers.filter((answer) => !answer.replayed).length, 1);
  assert.equal(await effects(), 2);
});

test('the kill switch stops it in that very transaction', async () => {
  message += 1;
  const before = await effects();
  await at.policy.setKillSwitch({ engaged: true, reason: 'test', by: 'test' });
  const refused = await reply();
  assert.equal(refused.status, 'denied');
  assert.equal(refused.reasons?.[0]?.code, 'kill_switch');
  assert.equal(await effects(), before);
  await at.policy.setKillSwitch({ engaged: false, reason: 'test', by: 'test' });
});

const told = (): Promise<Execution> =>
  tools.execute(runOf({ messageId: `web:local:c1:${message}:0` }), {
    tool: 'ledger.balance',
    args: {},
    step: 'x:0:0',
    reply: true,
  });
/** Transactions that wrote the attempts of this message last. */
async function writers(): Promise<string[]> {
  const { rows } = await at.db.pool.query<{ writer: string }>(
    'select xmin::text as writer from attempts where message_id = $1 order by started_at',
    [`web:local:c1:${message}:0`],
  );
  return rows.map((row) => row.writer);
}

test('the outcome of a call outside and the reply that tells it are one commit', async () => {
  message += 1;
  const done = await told();
  assert.deepEqual([done.status, done.replied], ['succeeded', true]);
  const [outcome, reply] = await writers();
  assert.ok(outcome !== undefined && outcome === reply);
});

test('an outcome stays where its reply cannot be stored, and the reply is made up for', async () => {
  message += 1;
  breaks = true;
  await assert.rejects(told(), /cannot be stored/);
  assert.equal((await writers()).length, 1);
  breaks = false;
  const again = await told();
  assert.deepEqual([again.status, again.replayed, again.replied], ['succeeded', true, true]);
});

test('an outcome whose reply the kill switch stops is stored, and says that it was not told', async () => {
  message += 1;
  const stopping: Connector = {
    secretFor: (tool) => at.deps.connectors.postgres.secretFor?.(tool, {}),
    run: async (call) => {
      const outcome = await at.deps.connectors.postgres.run(call);
      await at.policy.setKillSwitch({ engaged: true, reason: 'test', by: 'test' });
      return outcome;
    },
  };
  const stopped = createTools({ ...at.deps, connectors: { ...at.deps.connectors, postgres: stopping } });
  const run = runOf({ messageId: `web:local:c1:${message}:0` });
  const call = { tool: 'ledger.balance', args: {}, step: 'x:0:0', reply: true };
  const done = await stopped.execute(run, call);
  assert.deepEqual([done.status, done.replied], ['succeeded', false]);
  await at.policy.setKillSwitch({ engaged: false, reason: 'test', by: 'test' });
});
