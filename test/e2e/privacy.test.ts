import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repository } from '../../gateway/cli/up/index.ts';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { messageEvent, slackHeaders } from '../fixtures/slack/index.ts';
import { bot } from '../fixtures/telegram/index.ts';
import { signingSecret, slackUsers, startVendors, webhookSecret, type Vendors } from '../support/vendors.ts';
import { brokenWorkflow, sendEnvelope } from './support/broken-workflow.ts';
import { kill } from './support/kill.ts';
import { asN8n, loot, runTokenIn } from './support/n8n.ts';
import { eventually, person, sendForm, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';
import { allStores, holders, n8nStores, type Store } from './support/stores.ts';

const canary = (name: string): string => `canary-${name}-${randomBytes(6).toString('hex')}`;

/** Words that people wrote, each on a path of its own. */
const words = {
  free: canary('free'),
  balance: canary('balance'),
  refused: canary('refused'),
  // At most 32 letters: it is a command.
  noTool: `canary-${randomBytes(6).toString('hex')}`,
  invalid: canary('invalid'),
  payee: canary('payee'),
  reference: canary('reference'),
  comment: canary('comment'),
  rejected: canary('rejected'),
  rejection: canary('rejection'),
  slack: canary('slack'),
  unusable: canary('unusable'),
  http: canary('http'),
  failed: canary('failed'),
  crashed: canary('crashed'),
};
/** Words of somebody whom nobody knows, and of calls that proved nothing: they are kept nowhere. */
const strangers = { stranger: canary('stranger'), forged: canary('forged'), api: canary('api') };

/** Where people's words may be, and nowhere else: our message tables, and the rows of the run that handles them. */
const messageTables = /^gateway:public\.(messages|outbox|decisions|attempts|votes)$/;
const runRows = /^(n8n:public\.execution_data|file:n8n\/\.n8n\/storage\/workflows\/.*)$/;
/** The ledger is the system of record that the payment was for. */
const record = /^demo:public\.ledger$/;

const httpSecret = `secret-${randomBytes(12).toString('hex')}`;

let stack: TestStack;
let vendors: Vendors;
let echo: Server;
let requester: Person;
let approver: Person;
const answers: string[] = [];
/** Tokens that were seen on their way: personal ones of approvers, and run tokens. */
const approverTokens: string[] = [];
const runTokens: string[] = [];

before(
  async () => {
    echo = createServer((request, response) => {
      // A careless system of record, which repeats the headers that it got.
      response.end(JSON.stringify({ headers: request.headers, path: request.url }));
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    vendors = await startVendors({ slack: 'events', telegram: 'polling' });
    const env: NodeJS.ProcessEnv = {
      ...vendors.env,
      // The shipped values are minutes; a test sees the same happen in seconds. The ages are the shipped ones.
      EXECUTIONS_DATA_PRUNE_SOFT_DELETE_INTERVAL: '0.1',
      EXECUTIONS_DATA_PRUNE_HARD_DELETE_INTERVAL: '0.2',
    };
    stack = await testStack(env, {
      async before(dir) {
        const policiesDir = join(dir, 'policies');
        cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
        env.GATEHOUSE_POLICIES_DIR = policiesDir;
        writeFileSync(join(policiesDir, 'tools/echo.call.yaml'), echoTool());
        await vendors.prepare({ policiesDir, dataDir: dir });
        await createSecretStore({ dataDir: dir }).set('echo/token', httpSecret);
      },
    });
    [requester, approver] = await Promise.all([person(stack, 'requester'), person(stack, 'approver-a')]);
  },
  { timeout: 600_000 },
);

after(
  async () => {
    await stack?.stop();
    await vendors?.stop();
    echo?.close();
  },
  { timeout: 60_000 },
);

function echoTool(): string {
  const host = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
  return `name: echo.call
title: Echo
description: Calls a host that repeats what it gets.
risk: read
args:
  type: object
  properties:
    method: { type: string, enum: [POST] }
    url: { type: string, maxLength: 200 }
    body: { type: string, maxLength: 200 }
    secret: { type: string, maxLength: 100 }
  required: [method, url, body, secret]
  additionalProperties: false
kinds: { method: redirects, url: redirects, body: content, secret: redirects }
constants: { method: POST, url: 'http://${host}/', secret: echo/token }
sentence: '{method} {url}'
done: '{method} {url} answered {result.status}.'
idempotencyKey: none
egress:
  methods: [POST]
  privateNetworks: [127.0.0.0/8]
  secrets:
    - { name: echo/token, hosts: ['${host}'], plainHttp: true }
connector: { kind: http }
`;
}

/** Asserts that each text is in no store but those that may hold it. */
async function onlyIn(texts: Record<string, string>, ...allowed: RegExp[]): Promise<void> {
  const stores = [...(await allStores(stack)), { name: 'answers', text: answers.join('\n') }];
  for (const [name, text] of Object.entries(texts)) {
    const wrong = holders(stores, text).filter((store) => !allowed.some((pattern) => pattern.test(store)));
    assert.deepEqual(wrong, [], `${name}: ${wrong.map((store) => excerpt(stores, store, text)).join('\n')}`);
  }
}

function excerpt(stores: readonly Store[], name: string, text: string): string {
  const whole = stores.find((store) => store.name === name)?.text ?? '';
  const at = whole.indexOf(text);
  return `${name}: …${whole.slice(Math.max(0, at - 200), at + 60)}…`;
}

/** Says something, waits for the answer, and sees the handling run's row in n8n. */
async function sayAndSee(text: string, word: string, expected: RegExp): Promise<void> {
  const seen = eventually(`a row of n8n with ${word}`, 60_000, async () => {
    const rows = await stack.n8n(`select 1 from execution_data where data like $1`, [`%${word}%`]);
    return { done: rows.length > 0, seen: '' };
  });
  await requester.say(text);
  await requester.answerTo(text, expected);
  await seen;
}

async function slack(body: string, secret = signingSecret): Promise<Response> {
  const answer = await fetch(`http://127.0.0.1:${stack.ports.public}/channels/slack/events`, {
    method: 'POST',
    body,
    headers: slackHeaders(secret, body),
  });
  answers.push(await answer.clone().text());
  return answer;
}

async function envelopeWith(word: string): Promise<unknown> {
  const [row] = await stack.sql<{ envelope: unknown }>(
    `select envelope from messages where envelope::text like $1`,
    [`%${word}%`],
  );
  assert.ok(row);
  return row.envelope;
}

describe('what people wrote, while it is worked on', { timeout: 300_000 }, () => {
  it('goes through n8n when it succeeds, is refused, or is no call at all', async () => {
    await sayAndSee(`please look at ${words.free}`, words.free, /\/help/);
    await sayAndSee(`/balance ${words.balance}`, words.balance, /balance is/);
    await sayAndSee(`/export-all ${words.refused}`, words.refused, /\w/);
    await sayAndSee(`/${words.noTool} now`, words.noTool, /no tool/);
    await sayAndSee(`/pay 12,50 EUR ${words.invalid} x`, words.invalid, /amount/);
  });

  it('waits with its approval, and is nowhere else meanwhile', async () => {
    for (const [said, word] of [
      [`/pay 12 EUR ${words.payee} ${words.reference}`, words.payee],
      [`/pay 13 EUR ACME ${words.rejected}`, words.rejected],
    ] as const) {
      await sayAndSee(said, word, /Approval is needed/);
      const link = await approver.formLink(word);
      approverTokens.push(link.split('#')[1] ?? '');
    }
    const waiting = await stack.sql<{ execution_id: string }>(
      `select execution_id from approvals where state = 'pending' order by created_at`,
    );
    for (const { execution_id: id } of waiting) runTokens.push(await runTokenIn(stack, id));
    assert.equal(runTokens.length, 2);
    await onlyIn(words, messageTables, runRows);
  });

  it('reaches a system that repeats its headers: the words are kept, the secret is not', async () => {
    const url = `http://127.0.0.1:${(echo.address() as AddressInfo).port}/`;
    const { status, body } = await asN8n(stack, 'POST', '/v1/executions', {
      run: runTokens[0],
      tool: 'echo.call',
      args: { method: 'POST', url, body: words.http, secret: 'echo/token' },
      step: 'echo',
    });
    assert.equal(status, 200);
    assert.equal(body.status, 'succeeded', JSON.stringify(body));
    assert.match(JSON.stringify(body), /Bearer \[redacted\]/);
    answers.push(JSON.stringify(body));
    const [lease] = await stack.sql(`select 1 from leases where secret = 'echo/token'`);
    assert.ok(lease);
  });

  it('is decided on, both ways', async () => {
    const approve = await approver.formLink(words.payee);
    await sendForm(approve, { verdict: 'approve', comment: words.comment });
    await requester.answerTo(`/pay 12 EUR ${words.payee} ${words.reference}`, /Paid/);
    const reject = await approver.formLink(words.rejected);
    await sendForm(reject, { verdict: 'reject', comment: words.rejection });
    await requester.answerTo(`/pay 13 EUR ACME ${words.rejected}`, /rejected/i);
  });

  it('comes from Slack, also in a form that cannot be used', async () => {
    const said = messageEvent({ user: slackUsers.requester, text: `/balance ${words.slack}` });
    assert.equal((await slack(JSON.stringify(said))).status, 200);
    const bad = messageEvent({ user: slackUsers.requester, text: `${words.unusable} \0` });
    assert.equal((await slack(JSON.stringify(bad))).status, 200);
    await eventually('an answer in Slack', 30_000, () => {
      const texts = vendors.slack.posts.map((post) => post.text).join('\n');
      return Promise.resolve({ done: /balance is/.test(texts) && /not usable/.test(texts), seen: texts });
    });
  });

  it('is refused from strangers, forgers and in calls of our API that are not usable', async () => {
    const stranger = messageEvent({ user: slackUsers.stranger, text: strangers.stranger });
    assert.equal((await slack(JSON.stringify(stranger))).status, 200);
    const forged = JSON.stringify(messageEvent({ user: slackUsers.requester, text: strangers.forged }));
    assert.equal((await slack(forged, 'another')).status, 401);
    const call = { run: 'run_unknown_0', tool: 'ledger.transfer', args: { payee: strangers.api }, step: 's' };
    for (const [expected, body] of [
      [403, call],
      [400, { ...call, [strangers.api]: 1 }],
      [400, { ...call, step: { text: strangers.api } }],
      [400, { ...call, args: { payee: `${strangers.api}\0` } }],
      [400, { ...call, args: { [`${strangers.api} ${'x'.repeat(200)}`]: 1 } }],
    ] as const) {
      const answer = await asN8n(stack, 'POST', '/v1/decisions', body);
      assert.equal(answer.status, expected);
      answers.push(JSON.stringify(answer.body));
    }
  });

  it('is in a run that fails and in one that n8n dies with', async () => {
    await requester.say(`hello ${words.failed}`);
    await requester.say(`hello ${words.crashed}`);
    await requester.answerTo(`hello ${words.crashed}`, /\/help/);
    await brokenWorkflow(stack, 'fails', {
      type: 'n8n-nodes-base.stopAndError',
      typeVersion: 1,
      parameters: { errorMessage: '={{ "it says " + $json.envelope.data.content.text }}' },
    });
    await brokenWorkflow(stack, 'hangs', {
      type: 'n8n-nodes-base.wait',
      typeVersion: 1.1,
      parameters: { amount: 50, unit: 'seconds' },
    });
    const rows = async (status: string): Promise<string> =>
      eventually(`a run that is ${status}`, 30_000, async () => {
        const found = await stack.n8n<{ id: string }>(
          `select e.id from execution_entity e join workflow_entity w on w.id = e."workflowId"
           where w.name in ('fails', 'hangs') and e.status = $1`,
          [status],
        );
        return { done: found.length === 1, seen: String(found[0]?.id) };
      });
    await sendEnvelope(stack, 'fails', await envelopeWith(words.failed));
    await rows('error');
    await sendEnvelope(stack, 'hangs', await envelopeWith(words.crashed));
    await rows('running');
    await kill(stack, 'n8n');
    await stack.restart('n8n');
    await rows('crashed');
  });
});

describe('what is left of it', { timeout: 300_000 }, () => {
  it('is in our message tables, the rows of the runs, and the ledger that was paid from', async () => {
    await onlyIn(words, messageTables, runRows, record);
    await onlyIn({ payee: words.payee, reference: words.reference }, messageTables, runRows, record);
    await onlyIn(strangers);
    const stores = await allStores(stack);
    for (const [name, word] of Object.entries(words)) {
      assert.ok(
        holders(stores, word).some((store) => messageTables.test(store)),
        `${name} was kept for its sender`,
      );
    }
  });

  it('holds no secret, in no log, error, row, item, metric or receipt', async () => {
    const demoUrl = await createSecretStore({ dataDir: stack.dir }).get('demo/postgres');
    const { token, signingSecret: key } = loot(stack);
    const secrets = {
      'the password of the ledger': new URL(demoUrl ?? '').password,
      'the secret of an HTTP call': httpSecret,
      'the signing secret of Slack': signingSecret,
      'the bot token of Slack': vendors.slack.tokens.bot,
      'the bot token of Telegram': bot.token,
      'the webhook secret of Telegram': webhookSecret,
      ...Object.fromEntries(
        Object.entries(stack.links).map(([who, link]) => [
          `the sign-in link of ${who}`,
          new URL(link).searchParams.get('token') ?? '',
        ]),
      ),
    };
    for (const [name, secret] of Object.entries(secrets)) assert.ok(secret.length >= 12, name);
    await onlyIn(secrets);
    // n8n reads these two at its start, from a file that only its owner may read.
    await onlyIn(
      { 'the client token of n8n': token, 'the key of the signatures': key.replace('whsec_', '') },
      /^file:n8n\/credentials-overwrite\.json$/,
    );
    // A run token travels with its items; the personal token of an approver only in what they were sent.
    await onlyIn(Object.fromEntries(runTokens.map((run, index) => [`run token ${index}`, run])), runRows);
    assert.equal(approverTokens.length, 2);
    await onlyIn(
      Object.fromEntries(approverTokens.map((mine, index) => [`approver token ${index}`, mine])),
      /^gateway:public\.outbox$/,
    );
  });

  const inN8n = async (): Promise<string[]> => {
    const stores = await n8nStores(stack);
    return Object.entries({ ...words, ...Object.fromEntries(runTokens.map((run) => [run, run])) })
      .filter(([, word]) => holders(stores, word).length > 0)
      .map(([name]) => name);
  };

  it('goes from n8n by itself: finished runs soon, whether they waited or not', async () => {
    await eventually('an end of the finished rows', 60_000, async () => {
      const left = await inN8n();
      return { done: left.every((name) => ['failed', 'crashed'].includes(name)), seen: left.join() };
    });
    const kept = await stack.n8n<{ status: string }>('select status from execution_entity order by status');
    assert.deepEqual([...new Set(kept.map((row) => row.status))], ['crashed', 'error']);
    const files = (await n8nStores(stack)).filter(({ name }) =>
      /storage\/workflows\/.*\/binary_data\//.test(name),
    );
    const bodies = files.filter(({ text }) => Object.values(words).some((word) => text.includes(word)));
    assert.ok(bodies.length <= 1, 'only the failed run keeps its raw body');
  });

  it('goes from n8n after a day where the run failed or died', async () => {
    await stack.n8n(`update execution_entity set "stoppedAt" = "stoppedAt" - interval '23 hours'`);
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    assert.deepEqual((await inN8n()).sort(), ['crashed', 'failed'], 'a day is 24 hours');
    await stack.n8n(`update execution_entity set "stoppedAt" = "stoppedAt" - interval '2 hours'`);
    await eventually('an end of the failed rows', 60_000, async () => {
      const left = await inN8n();
      return { done: left.length === 0, seen: left.join() };
    });
    const [rows] = await stack.n8n<{ count: number }>('select count(*)::int as count from execution_entity');
    assert.equal(rows?.count, 0);
  });

  it('goes from our own tables after its retention, and the ledger keeps its row', async () => {
    const older = (table: string, column: string): Promise<unknown[]> =>
      stack.sql(`update ${table} set ${column} = ${column} - interval '721 hours'`);
    await older('messages', 'received_at');
    await older('outbox', 'created_at');
    await older('decisions', 'created_at');
    await older('attempts', 'finished_at');
    await older('votes', 'voted_at');
    await stack.restart('gateway');
    await eventually('an end of the words', 30_000, async () => {
      const stores = await allStores(stack);
      const left = Object.entries(words).flatMap(([name, word]) =>
        holders(stores, word)
          .filter((store) => !record.test(store))
          .map((store) => `${name} in ${store}`),
      );
      return { done: left.length === 0, seen: left.join('; ') };
    });
    assert.equal((await stack.demo('select 1 from ledger where payee = $1', [words.payee])).length, 1);
  });
});
