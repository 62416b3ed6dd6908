import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dockerUsable } from '../../gateway/cli/up/runner.ts';
import { repository } from '../../gateway/cli/up/index.ts';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { FakeOpenAi, type Answer, type Asked } from '../fixtures/openai/index.ts';
import { launchBrowser, noBrowser, say, signIn } from './support/browser.ts';
import { kill } from './support/kill.ts';
import { eventually, person, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

const table = 'customer,amount,due\nACME,120.00,2026-01-31\nGlobex,75.50,2030-01-31\n';
const reader = `import csv
rows = csv.DictReader(open('invoices.csv'))
print([row['customer'] for row in rows if row['due'] < '2026-11-01'])`;

let model: FakeOpenAi;
let stack: TestStack;
let requester: Person;
let approver: Person;
before(
  async () => {
    model = await new FakeOpenAi().start();
    const env: NodeJS.ProcessEnv = {};
    stack = await testStack(env, {
      supervise: true,
      async before(dir) {
        const policiesDir = join(dir, 'policies');
        cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
        env.GATEHOUSE_POLICIES_DIR = policiesDir;
        writeFileSync(
          join(policiesDir, 'models.yaml'),
          `endpoints:
  here: { url: '${model.url}', secret: model/key, local: true, highest: personal }
models:
  one: { endpoint: here, class: large, price: { in: '100', out: '200' }, output: 1000 }
tasks: { plan: [one] }
`,
        );
        await createSecretStore({ dataDir: dir }).set('model/key', model.key);
      },
    });
    [requester, approver] = await Promise.all([person(stack, 'requester'), person(stack, 'approver-a')]);
  },
  { timeout: 600_000 },
);
after(
  async () => {
    await stack?.stop();
    await model?.stop();
  },
  { timeout: 60_000 },
);

/** What the tools answered to the model so far. */
const told = ({ turns }: Asked): string[] =>
  turns.filter(({ role }) => role === 'tool').map(({ text }) => text);

/** Reads the table in the sandbox, mails what it found, and says so. */
function remind(asked: Asked, subject: string): Answer {
  const [read, sent] = told(asked);
  if (read === undefined) {
    const attachment = /"attachment":"([0-9a-f-]{36})","name":"invoices\.csv"/.exec(
      asked.turns[1]?.text ?? '',
    )?.[1];
    assert.doesNotMatch(JSON.stringify(asked.turns), /Globex/, 'and not what it holds');
    assert.ok(attachment, 'the model is told of the file');
    const files = [{ path: 'invoices.csv', attachment }];
    return { calls: [{ name: 'code_run', args: { language: 'python', code: reader, files } }] };
  }
  if (sent === undefined) {
    assert.match(read, /ACME/, 'the code read the table');
    assert.doesNotMatch(read, /Globex/);
    const body = 'A reminder: the invoice of ACME over 120.00 EUR was due on 31 January.';
    return { calls: [{ name: 'newsletter_send', args: { subject, body } }] };
  }
  const status = /^status: (\S+)/.exec(sent)?.[1];
  return {
    text: status === 'succeeded' ? 'ACME is overdue; the reminder is sent.' : `Nothing was sent: ${status}.`,
  };
}

/** The one open request about a tool. */
async function open(tool: string): Promise<string> {
  let id = '';
  await eventually(`a request about ${tool}`, 60_000, async () => {
    const rows = await stack.sql<{ id: string }>(
      `select a.id from approvals a join decisions d using (id) where d.tool = $1 and a.state = 'pending'`,
      [tool],
    );
    id = rows[0]?.id ?? '';
    return { done: id !== '', seen: String(rows.length) };
  });
  return id;
}
const runs = (): Promise<{ id: string; state: string; ended_by: string | null; execution: string }[]> =>
  stack.sql(
    `select r.id, r.state, r.ended_by, w.execution_id as execution from agent_runs r
     join agent_waits w on r.id = any(w.agent_runs) order by r.created_at desc`,
  );
const mails = async (subject: string): Promise<number> =>
  (await stack.demo('select from outbox where subject = $1', [subject])).length;
const n8nState = async (execution: string): Promise<string> =>
  (
    await stack.n8n<{ status: string }>('select status from execution_entity where id::text = $1', [
      execution,
    ])
  )[0]?.status ?? 'none';

const words = (subject: string): string =>
  `/example agent Find the overdue invoices in the attached CSV, draft a reminder called ${subject} and send it`;

/** Attaches the table to a message, in a browser. */
async function attach(text: string): Promise<void> {
  const browser = await launchBrowser();
  try {
    const page = await signIn(browser, stack.links.requester);
    const buffer = Buffer.from(table);
    await page
      .getByLabel('Attach files')
      .setInputFiles({ name: 'invoices.csv', mimeType: 'text/csv', buffer });
    await say(page, text);
    await page.locator('.entry .attached', { hasText: 'invoices.csv' }).last().waitFor();
  } finally {
    await browser.close();
  }
}

describe(
  'an agent in a workflow',
  { timeout: 600_000, skip: noBrowser || !dockerUsable(process.env) },
  () => {
    it('reads an attached table in the sandbox, asks before it mails, mails once, and tells what it cost', async () => {
      model.script = (asked) => remind(asked, 'Overdue-1');
      const text = words('Overdue-1');
      await attach(text);
      const code = await open('code.run');
      const [run] = await runs();
      await eventually('an execution that waits', 30_000, async () => {
        const seen = await n8nState(run?.execution ?? '');
        return { done: seen === 'waiting', seen };
      });
      assert.equal((await approver.vote(code, 'approve')).status, 303);
      const blast = await open('newsletter.send');
      assert.equal(await mails('Overdue-1'), 0, 'nothing leaves before somebody agreed');
      await requester.vote(blast, 'approve');
      assert.equal(await mails('Overdue-1'), 0, 'the person who asked does not count');
      assert.equal((await approver.vote(blast, 'approve')).status, 303);
      const answer = await requester.answerTo(text, /cost \d/, 60_000);
      assert.match(answer, /the reminder is sent.*Steps 3, calls 2, cost 0\.\d+ EUR/s);
      const customers = await stack.demo('select from customers where deleted_at is null');
      assert.equal(await mails('Overdue-1'), customers.length, 'each customer got it once');
      assert.equal(model.asked.length, 3, 'no question was asked twice');
      assert.deepEqual(model.problems, []);
    });

    it('stops when its execution is cancelled in n8n, and takes back what it asked', async () => {
      model.script = (asked) => remind(asked, 'Overdue-2');
      const text = words('Overdue-2');
      await attach(text);
      await open('code.run');
      const [run] = await runs();
      await eventually('an execution that waits', 30_000, async () => {
        const seen = await n8nState(run?.execution ?? '');
        return { done: seen === 'waiting', seen };
      });
      await stack.n8n(
        `update execution_entity set status = 'canceled', "stoppedAt" = now() where id::text = $1`,
        [run?.execution],
      );
      await requester.answerTo(text, /stopped in n8n/, 60_000);
      const [stopped] = await runs();
      assert.deepEqual([stopped?.state, stopped?.ended_by], ['stopped', 'cancelled']);
      assert.deepEqual(await stack.sql(`select from approvals where state = 'pending'`), []);
      assert.equal(await mails('Overdue-2'), 0);
    });

    it('survives a kill of its gateway at each question and each vote, and mails once', async () => {
      const killed = new Set<number>();
      model.script = async (asked) => {
        const step = told(asked).length;
        if (!killed.has(step)) {
          killed.add(step);
          await kill(stack, 'gateway');
        }
        return remind(asked, 'Overdue-3');
      };
      const text = words('Overdue-3');
      await attach(text);
      for (const tool of ['code.run', 'newsletter.send']) {
        const id = await open(tool);
        await eventually('a vote that counts', 60_000, async () => {
          const status = await approver.vote(id, 'approve').then(
            (page) => page.status,
            () => 0,
          );
          return { done: status === 303, seen: String(status) };
        });
        if (tool === 'code.run') await kill(stack, 'gateway');
      }
      const answer = await eventually('an answer', 120_000, async () => {
        const seen = await requester.answerTo(text, /cost \d/, 2000).catch(() => '');
        return { done: seen !== '', seen };
      });
      assert.match(answer, /the reminder is sent/);
      assert.deepEqual([...killed], [0, 1, 2]);
      const customers = await stack.demo('select from customers where deleted_at is null');
      assert.equal(await mails('Overdue-3'), customers.length, 'each customer got it once');
    });
  },
);
