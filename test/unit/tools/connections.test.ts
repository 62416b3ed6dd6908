import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { runOf } from '../policy/support.ts';
import { bench, type Bench } from './support.ts';

let at: Bench;
let tools: Tools;
let message = 0;

before(async () => {
  at = await bench();
  tools = createTools(at.deps);
});
after(() => at.close());

function balance(): Promise<Execution> {
  message += 1;
  const run = runOf({ messageId: `web:local:c1:${message}:0` });
  return tools.execute(run, { tool: 'ledger.balance', args: {}, step: 'x:0:0' });
}

/** Server processes that serve the demo's service role. */
async function servers(): Promise<number[]> {
  const { rows } = await at.demo.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'gatehouse'`,
  );
  return rows.map((row) => row.pid);
}

test('calls that follow each other share a connection', async () => {
  assert.equal((await balance()).status, 'succeeded');
  const first = await servers();
  assert.equal((await balance()).status, 'succeeded');
  assert.equal(first.length, 1);
  assert.deepEqual(await servers(), first);
});

test('a connection that the server ended while nobody used it is replaced', async () => {
  const [pid] = await servers();
  await at.demo.query('select pg_terminate_backend($1)', [pid]);
  while ((await servers()).length > 0);
  assert.equal((await balance()).status, 'succeeded');
});

test('a call with another secret never gets a connection of the earlier one', async () => {
  const right = await at.store.get('demo/postgres');
  assert.ok(right);
  const wrong = new URL(right);
  wrong.password = 'not-the-password';
  await at.store.set('demo/postgres', wrong.href);
  const refused = await balance();
  assert.equal(refused.status, 'failed');
  assert.equal(refused.reasons?.[0]?.code, 'GH-TOOLS-002');
  await at.store.set('demo/postgres', right);
  assert.equal((await balance()).status, 'succeeded');
});
