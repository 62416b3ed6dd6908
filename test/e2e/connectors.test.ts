import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { eventually, person, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';
import { allStores, holders } from './support/stores.ts';
import { startSystems, type Systems } from './support/systems.ts';

let stack: TestStack;
let systems: Systems;
let requester: Person;
let approvers: Person[];
before(
  async () => {
    systems = await startSystems();
    stack = await testStack(systems.env, { before: (dir) => systems.prepare(dir, ['hubspot/token']) });
    requester = await person(stack, 'requester');
    approvers = [await person(stack, 'approver-a'), await person(stack, 'approver-b')];
  },
  { timeout: 600_000 },
);
after(
  async () => {
    await stack?.stop();
    await systems?.stop();
    rmSync(`${stack?.dir}-files`, { recursive: true, force: true });
  },
  { timeout: 60_000 },
);
afterEach(() => assert.deepEqual(systems.problems(), []));

const file = (path: string): string => join(`${stack.dir}-files`, path);
const slackPosts = (): number =>
  systems.vendors.slack.posts.filter(({ channel }) => channel === 'C0GENERAL').length;
const price = (): Promise<number> =>
  stack
    .demo<{ price: string }>(`select price from prices where product = 'team'`)
    .then(([row]) => Number(row?.price));

interface Case {
  system: string;
  /** typed in the governed chat, and for the workflow of this system */
  command: string;
  workflow: string;
  /** how many people have to agree to each */
  votes: { command: number; workflow: number };
  done: { command: RegExp; workflow: RegExp };
  /** the effects so far, which each way adds one to; null where it only reads */
  effects: () => number | Promise<number>;
  adds?: { command: number; workflow: number };
  leases: string | null;
  /** what the policy or the schema refuses, and why */
  denied: [text: string, why: RegExp][];
}

const cases: Case[] = [
  {
    system: 'GitHub',
    command: '/issue acme site "Login fails" Since Monday, with any password',
    workflow: '/example github acme site 1 Fixed on Monday',
    votes: { command: 0, workflow: 0 },
    done: { command: /Opened issue 1.*receipt/i, workflow: /comment.*receipt/i },
    effects: () => systems.github.issues.length + systems.github.comments.length,
    leases: 'github/token',
    denied: [
      ['/issue other site "Login fails" Since Monday', /not done|refused/i],
      ['/example github acme site none Fixed', /args_invalid/],
    ],
  },
  {
    system: 'Jira',
    command: '/jira add OPS Task "Renew the certificate" It ends in May',
    workflow: '/example jira OPS-1 Renewed today',
    votes: { command: 0, workflow: 0 },
    done: { command: /Created OPS-1.*receipt/i, workflow: /OPS-1.*receipt/i },
    effects: () =>
      systems.jira.issues.size + [...systems.jira.issues.values()].flatMap(({ comments }) => comments).length,
    leases: 'jira/api-token',
    denied: [['/jira delete everything', /args_invalid/]],
  },
  {
    system: 'the CRM',
    command: '/deal add "ACME, renewal" 1200.00 appointmentscheduled',
    workflow: '/example crm 500',
    votes: { command: 0, workflow: 1 },
    done: { command: /Added the deal ACME, renewal as 500.*receipt/i, workflow: /deal 500.*receipt/i },
    effects: () => systems.hubspot.deals.size,
    adds: { command: 1, workflow: -1 },
    leases: 'hubspot/token',
    denied: [['/deal delete all', /args_invalid/]],
  },
  {
    system: 'the database',
    command: '/query select count(*) as everybody from customers',
    workflow: '/example database 50',
    votes: { command: 0, workflow: 2 },
    done: { command: /everybody.*receipt/i, workflow: /receipt/i },
    effects: price,
    adds: { command: 0, workflow: 24.5 },
    leases: 'demo/postgres',
    denied: [
      ['/query delete from customers', /only|reads|select/i],
      ['/query select pg_read_file(1)', /function|refus|allowed/i],
    ],
  },
  {
    system: 'files',
    command: '/file write reports/june.txt Sales went up',
    workflow: '/example files reports/july.txt Sales went down',
    votes: { command: 0, workflow: 0 },
    done: { command: /Wrote reports\/june\.txt.*receipt/i, workflow: /Wrote reports\/july\.txt.*receipt/i },
    effects: () => ['june', 'july'].filter((name) => existsSync(file(`reports/${name}.txt`))).length,
    leases: null,
    denied: [['/file read ../policies/people.yaml', /path|name|plain/i]],
  },
  {
    system: 'an internal webhook',
    command: '/hook orders order.shipped order=17',
    workflow: '/example webhook orders order.shipped 18',
    votes: { command: 1, workflow: 1 },
    done: {
      command: /Sent order\.shipped to the hook orders.*receipt/i,
      workflow: /Sent order\.shipped.*receipt/i,
    },
    effects: () => systems.receiver.taken.size,
    leases: 'webhook/signing-secret',
    denied: [['/hook ../admin order.shipped order=17', /args_invalid/]],
  },
  {
    system: 'mail',
    command: '/mail ann@example.com "Your invoice" It is on its way',
    workflow: '/example mail ann@example.com Hello It is on its way',
    votes: { command: 1, workflow: 1 },
    done: { command: /receipt/i, workflow: /receipt/i },
    effects: () => systems.mail.taken.length,
    leases: 'mail/smtp',
    denied: [['/mail not-an-address Hello It is on its way', /address/i]],
  },
  {
    system: 'chat',
    command: '/post announcements We open at nine',
    workflow: '/example chat announcements We close at five',
    votes: { command: 1, workflow: 1 },
    done: { command: /on its way.*receipt/i, workflow: /on its way.*receipt/i },
    effects: slackPosts,
    leases: null,
    denied: [['/post everybody We open at nine', /conversation|listed/i]],
  },
];

/** Says it, has it approved by so many people, and reads the answer. */
async function carryOut(
  said: string,
  votes: number,
  done: RegExp,
  effects: Case['effects'],
): Promise<string> {
  await requester.say(said);
  if (votes > 0) {
    await requester.answerTo(said, /Approval is needed/);
    const [open] = await stack.sql<{ id: string }>(
      `select id from approvals where state = 'pending' order by created_at desc limit 1`,
    );
    assert.ok(open);
    const before = await effects();
    for (const approver of approvers.slice(0, votes)) {
      assert.equal(await effects(), before, 'nothing happens before the last vote');
      assert.equal((await approver.vote(open.id, 'approve')).status, 303);
    }
  }
  return requester.answerTo(said, done, 60_000);
}

describe('each system, from the chat and from a workflow', { timeout: 600_000 }, () => {
  it('a system that is not set up says which secret is missing and how it is set, and works from then on', async () => {
    await requester.say('/deal find acme');
    await requester.answerTo('/deal find acme', /gatehouse secret set hubspot\/token/, 60_000);
    await createSecretStore({ dataDir: stack.dir }).set('hubspot/token', systems.hubspot.token);
  });

  for (const { system, effects, leases, denied, adds = { command: 1, workflow: 1 }, ...way } of cases) {
    for (const from of ['command', 'workflow'] as const)
      it(`${system}: a ${from} is decided, approved where due, done once and receipted`, async () => {
        const before = await effects();
        await carryOut(way[from], way.votes[from], way.done[from], effects);
        assert.equal(await eventuallyChanged(effects, before, adds[from]), before + adds[from]);
        const [attempt] = await stack.sql<{ id: string; state: string; decision_id: string }>(
          `select id, state, decision_id from attempts where tool not like 'conversation.%' order by started_at desc limit 1`,
        );
        assert.equal(attempt?.state, 'succeeded');
        const receipts = await stack.sql('select from receipts where decision_id = $1', [
          attempt.decision_id,
        ]);
        assert.ok(receipts.length >= 2, 'its decision and its outcome are receipted');
        if (leases === null) return;
        const lent = await stack.sql<{ secret: string }>('select secret from leases where attempt_id = $1', [
          attempt.id,
        ]);
        assert.ok(
          lent.some(({ secret }) => secret.startsWith(leases)),
          JSON.stringify(lent),
        );
      });

    it(`${system}: what may not be is refused with a reason, and nothing is done`, async () => {
      const before = await effects();
      for (const [said, why] of denied) {
        await requester.say(said);
        await requester.answerTo(said, why);
      }
      assert.equal(await effects(), before);
    });
  }

  it('a no of one person is a no: a deletion, a post and a mail do not happen', async () => {
    const deal = [...systems.hubspot.deals.keys()];
    for (const said of [
      '/jira delete OPS-1',
      '/dispatch acme site deploy.yml main',
      '/post announcements Never mind',
    ]) {
      await requester.say(said);
      await requester.answerTo(said, /Approval is needed/);
      const [open] = await stack.sql<{ id: string }>(
        `select id from approvals where state = 'pending' order by created_at desc limit 1`,
      );
      await approvers[0]?.vote(open?.id ?? '', 'reject', 'not now');
      await requester.answerTo(said, /rejected.*not now/i, 60_000);
    }
    assert.ok(systems.jira.issues.has('OPS-1'));
    assert.equal(systems.github.dispatches.length, 0);
    assert.deepEqual([...systems.hubspot.deals.keys()], deal);
  });

  it('a system that is away is waited for: the chat says so, and how it ended once it is back', async () => {
    const said = '/issue acme site "While away" It is down';
    const before = systems.github.issues.length;
    await systems.github.goAway();
    await requester.say(said);
    await requester.answerTo(
      said,
      /Will be tried again.*GitHub cannot be reached, so it is not done yet.*until.*the outcome follows here/,
    );
    assert.equal(systems.github.issues.length, before);
    await systems.github.comeBack();
    await eventually('the outcome in the chat', 60_000, async () => {
      const { text } = await requester.read('/');
      return {
        done: /Opened issue \d+: \S+ Receipt/.test(text.slice(text.lastIndexOf('While away'))),
        seen: text,
      };
    });
    assert.equal(systems.github.issues.filter(({ title }) => title === 'While away').length, 1);
    assert.equal(systems.github.issues.length, before + 1);
  });

  it('files hold what was written', () => {
    assert.equal(readFileSync(file('reports/june.txt'), 'utf8'), 'Sales went up');
  });

  it('the help stays short, and tells each command when it is asked', async () => {
    await requester.say('/help');
    const help = await requester.answerTo('/help', /More:/);
    assert.match(help, /\/pay 120 EUR.*\/file/s);
    assert.doesNotMatch(help, /\/file write/);
    await requester.say('/file');
    assert.match(await requester.answerTo('/file', /\/file write/), /\/file read.*\/file write/s);
  });
});

async function eventuallyChanged(effects: Case['effects'], before: number, by: number): Promise<number> {
  for (let round = 0; round < 50; round += 1) {
    if ((await effects()) !== before || by === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return effects();
}

/** What a careless system repeats of a secret: as it is, and as the codings of headers, addresses and JSON write it. */
const formsOf = (secret: string): string[] => [
  ...new Set([
    secret,
    Buffer.from(secret).toString('base64'),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ]),
];

describe('systems that repeat the secret they were sent', { timeout: 300_000 }, () => {
  it('in what they answer: the words are kept, the secret is not', async () => {
    const { github, jira, hubspot } = systems;
    const leak = (secret: string): string => ['leak', ...formsOf(secret)].join(' ');
    github.issues.push({ number: 9, title: leak(github.token), body: null, state: 'open', labels: [] });
    jira.add(leak(`${jira.user}:${jira.token}`));
    hubspot.deals.set('900', { id: '900', properties: { dealname: leak(hubspot.token) } });
    for (const said of ['/issues acme site leak', '/jira find project = OPS', '/deal find leak']) {
      await requester.say(said);
      assert.match(await requester.answerTo(said, /leak/), /\[redacted\]/, said);
    }
  });

  it('in why they refuse', async () => {
    const { github, jira, hubspot } = systems;
    const all = (secret: string): string => formsOf(secret).join(' ');
    github.failNext({ status: 422, json: { message: all(github.token) } });
    jira.failNext({ status: 400, json: { errorMessages: [all(`${jira.user}:${jira.token}`)], errors: {} } });
    hubspot.failNext({ status: 400, json: { status: 'error', message: all(hubspot.token) } });
    for (const said of [
      '/issue acme site Again and again',
      '/jira add OPS Task Again now',
      '/deal add Again 1 open',
    ]) {
      await requester.say(said);
      await requester.answerTo(said, /not done|refused/i);
    }
    // The server says why in words that hold the password.
    const mail = '/mail nobody@example.com Hello It is on its way';
    await carryOut(mail, 1, /not done|refused/i, () => systems.mail.taken.length);
  });

  it('and none of it is in a table, a file, a log, a metric, a receipt or a page', async () => {
    const stores = await allStores(stack);
    for (const page of ['/', '/receipts'])
      stores.push({ name: `page ${page}`, text: await (await requester.open(page)).text() });
    // What is lent of a whole is a secret as well: the token of user:token, the password of user:password.
    const secrets = Object.values(systems.secrets).flatMap((secret) =>
      secret.includes('@') ? [secret, secret.slice(secret.indexOf(':') + 1)] : [secret],
    );
    assert.equal(secrets.length, 7);
    for (const secret of secrets)
      for (const form of formsOf(secret)) assert.deepEqual(holders(stores, form), [], form.slice(0, 12));
  });
});
