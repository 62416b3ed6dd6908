import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { createPostgresExecutor, type Executor } from '../../../gateway/durable/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import {
  createTools,
  listJobs,
  pauseCalls,
  resumeCalls,
  type Execution,
  type Tools,
} from '../../../gateway/tools/index.ts';
import type { Connector } from '../../../gateway/tools/types.ts';
import { policiesDir, runOf } from '../policy/support.ts';
import { bench, storeRun, type Bench } from './support.ts';

let at: Bench;
let boss: PgBoss;
let executor: Executor;
let gateways: Tools[];
let policies: string;
let round = 0;
let calls = 0;
let underWay = 0;
let most = 0;
let fails = false;

/** Two calls of GitHub at once, of all gateways together. */
before(async () => {
  policies = join(mkdtempSync(join(tmpdir(), 'gatehouse-room-')), 'policies');
  cpSync(policiesDir, policies, { recursive: true });
  const api = join(policies, 'apis', 'github.yaml');
  writeFileSync(
    api,
    readFileSync(api, 'utf8').replace('-your-organisation-', 'acme').concat('concurrency: 2\n'),
  );
  at = await bench({}, policies);
  await at.store.set('github/token', 'a-token-of-the-test');
  boss = new PgBoss({ connectionString: at.db.url, max: 3 });
  boss.on('error', () => undefined);
  await boss.start();
  executor = createPostgresExecutor({ boss, log: at.deps.log }, { pollSeconds: 0.5 });
  const slow: Connector = {
    secretFor: (tool) => tool.secret,
    async run() {
      calls += 1;
      if (fails) throw new Error('no answer');
      underWay += 1;
      most = Math.max(most, underWay);
      await sleep(150);
      underWay -= 1;
      return { status: 'succeeded', result: { number: calls, url: 'https://example.com' } };
    },
  };
  const deps = { ...at.deps, connectors: { ...at.deps.connectors, rest: slow }, executor };
  gateways = [createTools(deps), createTools(deps)];
  await executor.start((id) => (gateways[0] as Tools).tryAgain(id));
});
after(async () => {
  await executor.stop();
  await boss.stop({ graceful: false });
  await at.close();
  rmSync(policies, { recursive: true });
});
beforeEach(() => {
  calls = 0;
  most = 0;
  fails = false;
});

async function open(gateway = 0): Promise<Execution> {
  round += 1;
  const title = `Login fails ${round}`;
  const run: RunContext = runOf({
    messageId: `web:local:c1:${round}:0`,
    runId: `00000000-0000-7000-8000-${String(round).padStart(12, '0')}`,
    sessionKey: `session ${round}`,
    words: ['acme', 'site', title, 'Since', 'Monday'],
  });
  await storeRun(at, run);
  const args = { owner: 'acme', repo: 'site', title, body: 'Since' };
  return (gateways[gateway] as Tools).execute(run, { tool: 'github.issue.create', args, step: 'x' });
}

test('more calls than an account may have under way wait, over several gateways, and all are done', async () => {
  const done = await Promise.all(Array.from({ length: 7 }, (_, index) => open(index % 2)));
  assert.deepEqual(
    done.map(({ status }) => status),
    done.map(() => 'succeeded'),
  );
  assert.deepEqual([calls, most], [7, 2]);
});

test('a paused account lets its calls wait, and resumed it lets them go', async () => {
  await pauseCalls(at.db.pool, 'rest:github', 'maintenance', 'test');
  const waiting = open();
  await sleep(1500);
  const [job] = await listJobs(at.db.pool);
  assert.deepEqual(
    [job?.tool, job?.account, job?.state, job?.waitsFor],
    ['github.issue.create', 'rest:github', 'planned', 'paused'],
  );
  assert.equal(calls, 0);
  await resumeCalls(at.db.pool, 'rest:github', 'test');
  assert.equal((await waiting).status, 'succeeded');
  await assert.rejects(resumeCalls(at.db.pool, 'rest:github', 'test'), { code: 'GH-TOOLS-082' });
});

test('a pause of everything leaves replies alone', async () => {
  await pauseCalls(at.db.pool, 'all', 'maintenance', 'test');
  const run = runOf({ messageId: 'web:local:c1:reply:0', sessionKey: 'another' });
  const reply = { tool: 'conversation.reply', args: { text: 'Hello' }, step: 'x' };
  assert.equal((await (gateways[0] as Tools).execute(run, reply)).status, 'succeeded');
  await resumeCalls(at.db.pool, 'all', 'test');
});

test('a system that does not answer is left alone for a while', async () => {
  fails = true;
  for (let index = 0; index < 5; index += 1) assert.equal((await open()).status, 'unknown');
  assert.equal(calls, 5);
  fails = false;
  const resting = open();
  await sleep(500);
  assert.equal(calls, 5, 'nothing is sent to it');
  assert.equal((await open(1)).status, 'succeeded', 'another gateway finds out by itself');
  assert.equal((await resting).status, 'succeeded', 'and the call that waited is done after the rest');
});
