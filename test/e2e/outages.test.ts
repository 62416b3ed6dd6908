import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repository } from '../../gateway/cli/up/index.ts';
import { messageEvent, readable, slackHeaders } from '../fixtures/slack/index.ts';
import { signingSecret, slackUsers, startVendors, type Vendors } from '../support/vendors.ts';
import { kill } from './support/kill.ts';
import { asN8n, loot } from './support/n8n.ts';
import { eventually, person, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let vendors: Vendors;
let requester: Person;

before(
  async () => {
    vendors = await startVendors({ slack: 'events', telegram: 'off' });
    const env: NodeJS.ProcessEnv = { ...vendors.env };
    stack = await testStack(env, {
      async before(dir) {
        const policiesDir = join(dir, 'policies');
        cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
        env.GATEHOUSE_POLICIES_DIR = policiesDir;
        await vendors.prepare({ policiesDir, dataDir: dir });
      },
    });
    requester = await person(stack, 'requester');
  },
  { timeout: 600_000 },
);

after(
  async () => {
    await stack?.stop();
    await vendors?.stop();
  },
  { timeout: 60_000 },
);

const slack = (body: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${stack.ports.public}/channels/slack/events`, {
    method: 'POST',
    body,
    headers: slackHeaders(signingSecret, body),
  });
const said = (text: string): string => JSON.stringify(messageEvent({ user: slackUsers.requester, text }));
const inSlack = (): string[] => vendors.slack.posts.map((post) => `${post.text} ${readable(post.blocks)}`);

/** What `/readyz` says on both listeners. */
async function ready(): Promise<
  { status: number; checks: Record<string, { state: string; text?: string }> }[]
> {
  const bases = [stack.urls.internal, `http://127.0.0.1:${stack.ports.public}`];
  return Promise.all(
    bases.map(async (base) => {
      const answer = await fetch(`${base}/readyz`);
      const { checks } = (await answer.json()) as {
        checks: Record<string, { state: string; text?: string }>;
      };
      return { status: answer.status, checks };
    }),
  );
}

async function readyWith(check: string, state: string): Promise<string> {
  return eventually(`${check} ${state} in /readyz`, 30_000, async () => {
    const both = await ready();
    const seen = both.map(
      ({ status, checks }) => `${status} ${checks[check]?.state} ${checks[check]?.text ?? ''}`,
    );
    return { done: both.every(({ checks }) => checks[check]?.state === state), seen: seen.join(' | ') };
  });
}

describe('while n8n is down', { timeout: 240_000 }, () => {
  it('takes messages, says so in /readyz, and hands them over in order once n8n is back', async () => {
    const gateway = stack.processes.gateway;
    await kill(stack, 'n8n');
    assert.match(await readyWith('n8n', 'down'), /503 down .*Messages wait; nothing is lost/);
    for (const { checks } of await ready()) assert.equal(checks.database?.state, 'ok');
    for (const text of ['/whoami', '/balance']) await requester.say(text);
    assert.equal((await slack(said('/balance'))).status, 200);
    const waiting = await stack.sql(`select 1 from messages where state in ('queued', 'running')`);
    assert.equal(waiting.length, 3);
    await stack.restart('n8n');
    await requester.answerTo('/whoami', /You are Robin/, 60_000);
    await requester.answerTo('/balance', /balance is/, 60_000);
    await eventually('an answer in Slack', 30_000, () =>
      Promise.resolve({ done: inSlack().some((text) => /balance is/.test(text)), seen: inSlack().join() }),
    );
    const order = await stack.sql<{ seq: number }>(
      `select m.seq from outbox o join messages m on m.id = o.message_id where m.channel = 'web' order by o.seq`,
    );
    const seqs = order.map((row) => row.seq);
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => a - b),
    );
    await readyWith('n8n', 'ok');
    assert.equal(stack.processes.gateway, gateway);
  });
});

describe('while Postgres is down', { timeout: 240_000 }, () => {
  const event = (): string => said('/balance after the outage');
  let unanswered: string;
  let gateway: number | undefined;

  it('answers 503 with Retry-After to vendors, to the API and to people, before anything is acknowledged', async () => {
    gateway = stack.processes.gateway;
    unanswered = event();
    await kill(stack, 'postgres');
    await readyWith('database', 'down');
    const base = `http://127.0.0.1:${stack.ports.public}`;
    const authorization = `Bearer ${loot(stack).token}`;
    const json = { authorization, 'content-type': 'application/json' };
    const html = { accept: 'text/html' };
    const answers: Record<string, Response> = {
      'a delivery of Slack': await slack(unanswered),
      'a read of the API': await fetch(`${stack.urls.internal}/v1/approvals/dec_1`, {
        headers: { authorization },
      }),
      'a write of the API': await fetch(`${stack.urls.internal}/v1/decisions`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ run: 'run_12345678', tool: 'ledger.balance', args: {}, step: 's' }),
      }),
      'the chat': await requester.open('/'),
      'a message in the chat': await requester.send('/messages', { text: '/balance' }),
      'the approvals': await requester.open('/approvals'),
      'the receipts': await requester.open('/receipts'),
      'a sign-in link': await fetch(stack.links['approver-a'], { headers: html }),
    };
    for (const [name, answer] of Object.entries(answers)) {
      assert.equal(answer.status, 503, name);
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/, name);
      assert.doesNotMatch(await answer.text(), /ECONN|at .*\.ts:/, name);
    }
    assert.equal((await fetch(`${base}/healthz`)).status, 200, 'the process itself is alive');
  });

  it('recovers without a restart, and takes what was refused as if nothing had been', async () => {
    await stack.restart('postgres');
    await readyWith('database', 'ok');
    if (stack.processes.n8n === undefined) await stack.restart('n8n');
    await stack.ready();
    const before = inSlack().length;
    assert.equal((await slack(unanswered)).status, 200);
    assert.equal((await slack(unanswered)).status, 200);
    await eventually('an answer in Slack', 60_000, () =>
      Promise.resolve({ done: inSlack().length > before, seen: inSlack().join() }),
    );
    await requester.say('/pending');
    await requester.answerTo('/pending', /Nothing is pending/, 60_000);
    assert.equal((await asN8n(stack, 'GET', '/v1/tools')).status, 200);
    const rows = await stack.sql<{ state: string }>(
      `select state from messages where envelope::text like '%after the outage%'`,
    );
    assert.deepEqual(rows, [{ state: 'done' }]);
    assert.equal(inSlack().length, before + 1);
    assert.equal(stack.processes.gateway, gateway, 'the gateway is the same process');
  });
});
