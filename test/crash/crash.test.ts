import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportReceipts, readHeads, splitLines, verifyExport } from '../../gateway/audit/index.ts';
import { openPool } from '../../gateway/db/index.ts';
import { kill } from '../e2e/support/kill.ts';
import { testStack, type TestStack } from '../e2e/support/stack.ts';
import { FakeSlack } from '../fixtures/slack/index.ts';
import { checkEverything, settle } from './checks.ts';
import { Load } from './load.ts';
import { preparePeople } from './people.ts';

const rounds = Number(process.env.GATEHOUSE_TEST_CRASH_ROUNDS ?? 3);
/** Everything is brought to an end and counted after so many kills, so that a fault is found near its cause. */
const countEvery = 6;
const parts = ['gateway', 'n8n', 'postgres'] as const;

let stack: TestStack;
let slack: FakeSlack;
let load: Load;

before(
  async () => {
    slack = await new FakeSlack().start();
    const env: NodeJS.ProcessEnv = {
      GATEHOUSE_SLACK_MODE: 'events',
      GATEHOUSE_SLACK_API_URL: slack.apiUrl,
      // What a killed part had under way is taken up sooner, and more often, than anybody would want in production.
      GATEHOUSE_RUN_LEASE_SECONDS: '10',
      GATEHOUSE_RUN_MAX_DISPATCHES: '20',
    };
    stack = await testStack(env, {
      async before(dir) {
        env.GATEHOUSE_POLICIES_DIR = await preparePeople(dir, slack);
      },
    });
    load = new Load(stack, slack);
  },
  { timeout: 600_000 },
);

after(
  async () => {
    load?.end();
    await stack?.stop();
    await slack?.stop();
  },
  { timeout: 60_000 },
);

describe('kill -9 of each part under load', { timeout: (rounds + 4) * 180_000 }, () => {
  for (let first = 0; first < rounds; first += countEvery) {
    const last = Math.min(first + countEvery, rounds);
    it(`loses and doubles nothing in rounds ${first + 1} to ${last}`, async () => {
      load.start();
      for (let round = first; round < last; round += 1) {
        await sleep(500 + Math.random() * 3000);
        const part = parts[round % parts.length] ?? 'gateway';
        await kill(stack, part);
        await sleep(Math.random() * 1000);
        await stack.restart(part);
      }
      await sleep(1000);
      await load.stop();
      await settle(stack, load, 150_000);
      await checkEverything(stack, load);
      process.stdout.write(`    ${load.acknowledged.length} messages so far, all of them once\n`);
    });
  }

  it('leaves a chain of receipts that verifies, and no call that the vendor would refuse', async () => {
    await sleep(2000);
    const pool = openPool(stack.databaseUrl, 1);
    const heads = join(stack.dir, 'receipt-heads.jsonl');
    const lines: Buffer[] = [];
    try {
      await exportReceipts(pool, (line) => void lines.push(Buffer.from(`${line}\n`)), heads);
    } finally {
      await pool.end();
    }
    const verified = await verifyExport(splitLines(Readable.from(lines)), await readHeads(heads));
    assert.deepEqual(verified.problems, []);
    assert.equal(verified.unsealed, 0);
    assert.deepEqual(slack.problems, []);
  });
});
