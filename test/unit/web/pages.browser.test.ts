import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser, noBrowser } from '../../e2e/support/browser.ts';
import { violations } from '../../support/axe.ts';
import { runOf } from '../policy/support.ts';
import { editFields, paymentCard, startWeb, type WebStandIn } from './stand-in.ts';

const shots = process.env.GATEHOUSE_TEST_SHOTS;
// A machine that checks the project must not pass by skipping.
const skip = process.env.CI ? false : noBrowser;
const receipt = '0193fd0a-4c1e-7b12-8aaa-0123456789ab';

describe('the pages in a browser', { skip }, () => {
  let web: WebStandIn;
  let browser: Browser;

  before(async () => {
    web = await startWeb();
    browser = await launchBrowser();
    if (shots) mkdirSync(shots, { recursive: true });
  });
  after(async () => {
    await browser?.close();
    await web?.stop();
  });

  async function open(
    principal: string,
    options: { width?: number; dark?: boolean; javaScriptEnabled?: boolean; timezoneId?: string } = {},
  ): Promise<{ context: BrowserContext; page: Page; problems: string[] }> {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: 800 },
      colorScheme: options.dark ? 'dark' : 'light',
      javaScriptEnabled: options.javaScriptEnabled ?? true,
      permissions: ['clipboard-read', 'clipboard-write'],
      ...(options.timezoneId ? { timezoneId: options.timezoneId } : {}),
    });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
        problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(web.base)) problems.push(`left the site: ${request.url()}`);
    });
    await page.goto(await web.loginLink(principal));
    await page.getByRole('button', { name: /^Sign in as/ }).click();
    await page.waitForURL(`${web.base}/`);
    return { context, page, problems };
  }

  it('sends with Enter, breaks the line with Shift+Enter, and follows the request live in one card', async () => {
    const { context, page, problems } = await open('requester');
    await page.getByText('Nothing asked yet').waitFor();
    const box = page.getByLabel('Message');
    await box.fill('first line');
    await box.press('Shift+Enter');
    await box.pressSequentially('second line');
    await box.press('Enter');
    const entry = page.locator('#history > li');
    await entry.getByText('Received', { exact: true }).waitFor();
    assert.equal(await box.inputValue(), '');
    assert.equal(web.state.submitted.at(-1), 'first line\nsecond line');
    assert.equal(await page.getByText('Nothing asked yet').isVisible(), false);
    assert.equal(new URL(page.url()).pathname, '/');

    const { rows } = await web.pool.query<{ id: string }>(
      `select id from messages order by seq desc limit 1`,
    );
    const id = rows[0]?.id ?? '';
    await web.setState(id, 'running');
    await entry.getByText('Deciding', { exact: true }).waitFor();
    await web.setState(id, 'waiting');
    await web.addReply('requester', id, {
      text: 'Alex or Blake must approve this payment.',
      tone: 'waiting',
      facts: [{ label: 'Amount', value: '5000 EUR' }],
      link: { label: 'Open the request', url: '/approvals/dec_0193fd0a4c1e7b12' },
    });
    await entry.getByText('Waiting for approval', { exact: true }).waitFor();
    await entry.getByText('5,000.00 EUR').waitFor();
    await web.setState(id, 'done');
    await web.addReply('requester', id, {
      text: 'Paid 5000 EUR to ACME.',
      tone: 'done',
      facts: [
        { label: 'Amount', value: '5000 EUR' },
        { label: 'Receipt', value: receipt },
      ],
    });
    await entry.getByText('Done', { exact: true }).waitFor();
    assert.equal(await entry.count(), 1);

    await entry.getByRole('button', { name: 'Copy Receipt' }).click();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), receipt);
    assert.deepEqual(problems, []);
    await context.close();
  });

  it('catches up after the gateway forgot the page, without doubling an entry', async () => {
    const { context, page } = await open('requester');
    const count = await page.locator('#history > li').count();
    assert.ok(count > 0);
    const answer = await page.evaluate<string>(`new Promise((resolve) => {
      const source = new EventSource('/events?page=forgotten');
      source.addEventListener('update', (event) => {
        source.close();
        resolve(event.data);
      });
    })`);
    assert.match(answer, /^<ol id="history" hx-swap-oob="innerHTML">/);
    assert.equal(answer.split('<li class="entry"').length - 1, count);
    await context.close();
  });

  it('ends the stream of a session that signed out', async () => {
    const { context, page } = await open('requester');
    web.sessions.clear();
    await web.addReply('requester', 'secret-after-logout', { text: 'must not arrive', tone: 'info' });
    await page.waitForTimeout(500);
    assert.equal(await page.getByText('must not arrive').count(), 0);
    await web.pool.query(`delete from outbox where card = 'secret-after-logout'`);
    await context.close();
  });

  it('shows a refused message beside the box and keeps the text', async () => {
    const { context, page } = await open('requester');
    web.state.outcome = 'refused';
    await page.getByLabel('Message').fill('one too many');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText('Too many messages are waiting').waitFor();
    assert.equal(await page.getByLabel('Message').inputValue(), 'one too many');
    web.state.outcome = 'accepted';
    await context.close();
  });

  it('never approves on Enter, and approves by its named button', async () => {
    const card = paymentCard();
    web.state.cards.set(card.id, card);
    const { context, page, problems } = await open('approver-a');
    await page.goto(`${web.base}/approvals`);
    await page.getByRole('link', { name: /asks to pay 5,000\.00 EUR/ }).click();
    await page.getByLabel('Comment').press('Enter');
    await page.keyboard.press('Enter');
    assert.deepEqual(web.state.votes, []);
    await page.getByLabel('Comment').fill('checked with ACME');
    await page.getByRole('button', { name: 'Approve 5,000.00 EUR to ACME' }).click();
    await page.waitForURL(`${web.base}/approvals/${card.id}`);
    assert.deepEqual(web.state.votes, [
      {
        approvalId: card.id,
        principal: 'approver-a',
        verdict: 'approve',
        comment: 'checked with ACME',
        channel: 'web',
        shownDigest: card.binding,
      },
    ]);
    assert.deepEqual(problems, []);
    await context.close();
  });

  it('works without scripts', async () => {
    const { context, page } = await open('requester', { javaScriptEnabled: false });
    await page.getByLabel('Message').fill('/balance without scripts');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.locator('#history > li').last().getByText('/balance without scripts').waitFor();
    await context.close();
  });

  it('writes times in the zone of the reader, with the exact instant on hover', async () => {
    const { context, page } = await open('requester', { timezoneId: 'Asia/Tokyo' });
    const time = page.locator('#history time').first();
    const instant = (await time.getAttribute('datetime')) ?? '';
    const expected = new Intl.DateTimeFormat('en-US', {
      hour: '2-digit',
      minute: '2-digit',
      timeZone: 'Asia/Tokyo',
    }).format(new Date(instant));
    assert.ok(((await time.textContent()) ?? '').replace(/\s/g, ' ').includes(expected.replace(/\s/g, ' ')));
    assert.ok((await time.getAttribute('title'))?.includes(instant));
    await context.close();
  });

  it('passes axe, and fits a phone, on every page in light and dark', async () => {
    await fillForLooks(web);
    diagnoseForLooks(web);
    const visits: [string, string, string][] = [
      ['chat', 'requester', '/'],
      ['chat-approver', 'approver-a', '/'],
      ['approvals', 'approver-a', '/approvals'],
      ['approvals-empty', 'requester', '/approvals'],
      ['approval', 'approver-a', '/approvals/dec_0193fd0a4c1e7b12'],
      ['identity', 'requester', '/identities/PAIR2345'],
      ['approval-changed', 'approver-a', '/approvals/dec_0193fd0a4c1e7b14'],
      ['approval-edit', 'approver-a', '/approvals/dec_0193fd0a4c1e7b14/edit'],
      ['approval-closed', 'requester', '/approvals/dec_0193fd0a4c1e7b13'],
      ['receipts', 'approver-a', '/receipts'],
      ['policy', 'approver-a', `/policy?decision=${web.state.decision}`],
      ['policy-plain', 'requester', '/policy'],
      ['policy-admin', 'admin', '/policy'],
      ['doctor', 'admin', '/doctor'],
      ['terminal', 'requester', '/terminal'],
      ['docs', 'requester', '/docs'],
      ['login', 'requester', '/login'],
      ['missing', 'requester', '/nowhere'],
    ];
    for (const width of [360, 1280]) {
      for (const dark of [false, true]) {
        for (const principal of ['requester', 'approver-a', 'admin']) {
          const { context, page, problems } = await open(principal, { width, dark });
          for (const [name, , path] of visits.filter((visit) => visit[1] === principal)) {
            await page.goto(web.base + path);
            if (/^\/(policy|doctor)/.test(path))
              await page.evaluate(`document.querySelectorAll('details').forEach((one) => (one.open = true))`);
            for (const fold of await page.locator('details.ask > summary').all()) await fold.click();
            await look(page, `${name}-${width}-${dark ? 'dark' : 'light'}`, width);
            if (name !== 'terminal') continue;
            const { userCode } = await web.terminals.begin({ host: 'laptop', account: 'robin' }, '192.0.2.1');
            await page.fill('#code', userCode);
            await page.click('text=Go on');
            await look(page, `terminal-asking-${width}-${dark ? 'dark' : 'light'}`, width);
            await page.click('text=Yes, it is mine');
            await look(page, `terminal-agreed-${width}-${dark ? 'dark' : 'light'}`, width);
          }
          assert.deepEqual(problems, []);
          await context.close();
        }
        const context = await browser.newContext({
          viewport: { width, height: 800 },
          colorScheme: dark ? 'dark' : 'light',
        });
        const page = await context.newPage();
        await page.goto(await web.loginLink('requester'));
        await look(page, `sign-in-${width}-${dark ? 'dark' : 'light'}`, width);
        await page.goto(`${web.base}/`);
        await look(page, `stranger-${width}-${dark ? 'dark' : 'light'}`, width);
        await context.close();
      }
    }
  });

  async function look(page: Page, name: string, width: number): Promise<void> {
    // Scrolled, the head of the page would cover what stands under it.
    await page.evaluate('scrollTo(0, 0)');
    if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
    assert.deepEqual(await violations(page), [], name);
    const content = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(content <= width, `${name} is ${content} wide`);
  }
});

/** A conversation, requests and receipts of every kind. */
async function fillForLooks(web: WebStandIn): Promise<void> {
  await web.pool.query('delete from messages');
  await web.pool.query('delete from outbox');
  const say = async (text: string, state: string, body?: unknown): Promise<void> => {
    const id = await web.addMessage('requester', text, state);
    if (body) await web.addReply('requester', id, body);
  };
  await say('/balance', 'done', {
    text: 'The balance is 48,210.55 EUR.',
    tone: 'done',
    facts: [
      { label: 'Balance', value: '48210.55 EUR' },
      { label: 'Receipt', value: receipt },
    ],
  });
  await say('/export-all', 'done', {
    text: 'Exporting all customers is not allowed here. Ask for one customer by number instead.',
    tone: 'refused',
    facts: [{ label: 'Reason', value: 'outbound_denied' }],
  });
  await say('/pay 5000 EUR ACME invoice-42', 'waiting', {
    text: 'This payment needs two approvers, because it is 1000 EUR or more.',
    tone: 'waiting',
    facts: [
      { label: 'Amount', value: '5000 EUR' },
      { label: 'To', value: 'ACME' },
    ],
    link: { label: 'Open the request', url: '/approvals/dec_0193fd0a4c1e7b12' },
  });
  await say(`Summarise this: ${'lorem ipsum dolor sit amet '.repeat(80)}`, 'running');
  await say('https://example.com/' + 'a-very-long-address/'.repeat(8), 'queued');
  await web.addReply('approver-a', 'dec_0193fd0a4c1e7b12', {
    text: 'Robin Requester asks to pay 5000 EUR to ACME (new recipient).',
    tone: 'waiting',
    facts: [{ label: 'Amount', value: '5000 EUR' }],
    link: { label: 'Read and decide', url: '/approvals/dec_0193fd0a4c1e7b12' },
  });
  const closed = paymentCard({
    id: 'dec_0193fd0a4c1e7b13',
    state: 'rejected',
    mayVote: false,
    decidedAt: new Date(),
    sentence: 'Robin Requester asks to delete customer 7',
    effect: 'customer 7',
    provenance: [],
    quoted: null,
    quorum: 1,
    requester: { principal: 'approver-b', display: 'Robin Requester' },
    votes: [
      {
        principal: 'approver-a',
        display: 'Alex Approver',
        verdict: 'reject',
        comment: 'Customer 7 has open invoices.',
        channel: 'slack',
        at: new Date(),
      },
    ],
  });
  web.state.questions.set('PAIR2345', {
    code: 'PAIR2345',
    channel: 'telegram',
    account: '7012345678',
    nativeId: '123456789',
    display: `Robin ${'a-very-long-name'.repeat(8)}`,
  });
  await decideForLooks(web);
  web.state.cards.clear();
  const card = paymentCard({
    quoted: 'Please pay quickly. '.repeat(100),
    requester: { principal: 'nobody', display: 'Robin Requester' },
  });
  const changed = paymentCard({
    id: 'dec_0193fd0a4c1e7b14',
    quorum: 1,
    mayAnswer: true,
    requester: { principal: 'nobody', display: 'Robin Requester' },
    edited: {
      by: 'Blake Approver',
      changes: [{ label: 'Amount', before: '6000.00', after: '5000.00' }],
    },
    questions: [
      {
        id: 'q-1',
        by: 'Alex Approver',
        question: 'Which invoice is it, and who ordered the goods?',
        at: new Date(),
        answer: 'Invoice 42 of May; purchasing ordered them.',
        answeredAt: new Date(),
      },
      {
        id: 'q-2',
        by: 'Blake Approver',
        question: 'Is it due this week?',
        at: new Date(),
        answer: null,
        answeredAt: null,
      },
    ],
    standing: { maxHours: 8, currency: 'EUR', maxAmount: '999.99' },
  });
  web.state.fields.set(changed.id, editFields);
  web.state.standing = [
    {
      id: 'standing_1',
      approvalId: changed.id,
      title: 'Pay',
      user: 'Robin Requester',
      destinations: [{ label: 'Payee', value: 'ACME' }],
      left: '70.00 of 100.00 EUR',
      grantedBy: ['Alex Approver'],
      expiresAt: new Date(Date.now() + 3_600_000),
    },
  ];
  for (const each of [card, closed, changed]) web.state.cards.set(each.id, each);
  const hash = `sha256:${'3fa1b2'.repeat(10)}abcd`;
  const kinds: [string, Record<string, unknown>][] = [
    ['envelope', { channel: 'web', principal: 'requester', digest: hash }],
    ['decision', { tool: 'ledger.transfer', effect: 'approve', digest: hash, policy: hash }],
    ['approval.requested', { groups: ['approvers'], quorum: 2 }],
    ['approval.vote', { principal: 'approver-a', verdict: 'approve', channel: 'web', shown: hash }],
    ['secret.lease', { secret: 'ledger/password' }],
    ['attempt', { attempt: 'att_0193fd0a4c1e7b12', tool: 'ledger.transfer' }],
    ['outcome', { state: 'succeeded' }],
    ['reply', { channel: 'web' }],
  ];
  web.state.receipts = kinds.map(([kind, facts], index) => ({
    id: `0193fd0a-4c1e-7b12-8aaa-00000000000${index}`,
    kind,
    facts,
    messageId: 'web:local:requester:1:0',
    decisionId: null,
    createdAt: new Date(),
    position: index < 7 ? index + 40 : null,
    hash: index < 7 ? hash : null,
  }));
  web.state.openapi = {
    info: { title: 'Gatehouse API', version: '1.0', description: 'What nodes and the CLI call.' },
    paths: {
      '/v1/decisions': {
        post: {
          summary: 'Decides a tool call',
          requestBody: {
            content: { 'application/json': { schema: { $ref: '#/components/schemas/DecisionRequest' } } },
          },
          responses: { 200: { description: 'The decision' }, 400: { description: 'A field is not usable' } },
        },
      },
    },
    components: {
      schemas: {
        DecisionRequest: {
          type: 'object',
          required: ['run', 'tool'],
          properties: {
            run: { type: 'string', description: 'the run token' },
            tool: { type: 'string' },
            args: { type: 'object' },
          },
        },
      },
    },
  };
}

/** Findings of each state, with long words and long commands. */
function diagnoseForLooks(web: WebStandIn): void {
  const check = 'x';
  web.state.diagnosis = {
    ok: false,
    topics: [
      {
        topic: 'Files',
        findings: [
          {
            check,
            state: 'fail',
            text: 'Others than its owner may use the key /home/gatehouse/checkout/.gatehouse/secrets.key: its mode is 0644.',
            next: 'chmod 600 /home/gatehouse/checkout/.gatehouse/secrets.key',
          },
          { check, state: 'ok', text: 'Secrets opened with the key: 4 of 4.' },
        ],
      },
      {
        topic: 'Overrides',
        findings: [
          {
            check,
            state: 'warn',
            text: 'export_forbidden for all tools by approver-a is lifted, its last day is 2026-12-31: the auditors take everything with them.',
            next: 'Name the tools that need it in policies/overrides.yaml.',
          },
          {
            check,
            state: 'note',
            text: 'role_reads_only for tickets.close by approver-a is lifted, its last day is 2027-03-31: the viewers close the old tickets.',
          },
        ],
      },
      { topic: 'Receipts', findings: [{ check, state: 'ok', text: 'No receipt waits long for its seal.' }] },
    ],
  };
}

/** A decision to explain, switches that are on, and a candidate that would decide it otherwise. */
async function decideForLooks(web: WebStandIn): Promise<void> {
  const args = { amount: '1200.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
  const decision = await web.policy.decide(runOf(), { tool: 'ledger.transfer', args, step: 'looks' });
  web.state.decision = decision.id;
  for (const target of ['tool:http.request', 'person:requester'] as const)
    await web.policy.setKillSwitch({ engaged: true, target, reason: 'A drill until noon.', by: 'admin' });
  const candidate = `sha256:${'c0ffee'.repeat(10)}abcd`;
  await web.pool.query('insert into shadow_candidates (candidate, compared, dropped) values ($1, 240, 2)', [
    candidate,
  ]);
  await web.pool.query(
    `insert into shadow_differences (candidate, decision_id, tool, live, shadow, reasons)
     values ($1, $2, 'ledger.transfer', 'approve by 2 of approvers', 'deny', '{export_forbidden}')`,
    [candidate, decision.id],
  );
}
