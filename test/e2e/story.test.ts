import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { answerTo, ask, launchBrowser, noBrowser, say, signIn } from './support/browser.ts';
import { testStack, type TestStack } from './support/stack.ts';

const run = promisify(execFile);
const shots = process.env.GATEHOUSE_TEST_SHOTS;

let stack: TestStack;
let browser: Browser;
let requester: Page;
let approverA: Page;
let approverB: Page;

const picture = async (page: Page, name: string): Promise<void> => {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
};

/** The approver's own link to the n8n form, as it stands in their chat notice. */
async function formLink(page: Page, about: string): Promise<string> {
  await page.goto(`${stack.urls.chat}`);
  const notice = page.locator('.entry .answer').filter({ hasText: about }).last();
  await notice.waitFor();
  const href = await notice.getByRole('link', { name: 'Open the request' }).getAttribute('href');
  assert.ok(href, 'the notice holds a link to the form');
  return href;
}

/** Opens the form in a window of its own and decides on it. @returns what the page says afterwards */
async function decideOnForm(link: string, verdict: 'Approve' | 'Reject', comment: string): Promise<string> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(link);
  await picture(page, `form-${verdict.toLowerCase()}`);
  await page
    .getByLabel(/comment|reason/i)
    .first()
    .fill(comment);
  await page.getByRole('button', { name: new RegExp(`^${verdict}`) }).click();
  await page.waitForLoadState('load');
  const text = await page.locator('body').innerText();
  await page.context().close();
  return text;
}

const ledger = (reference: string): Promise<{ amount: string; payee: string }[]> =>
  stack.demo('select amount::text, payee from ledger where reference = $1', [reference]);

before(
  async () => {
    if (noBrowser) return;
    stack = await testStack();
    browser = await launchBrowser();
    requester = await signIn(browser, stack.links.requester);
    approverA = await signIn(browser, stack.links['approver-a']);
    approverB = await signIn(browser, stack.links['approver-b']);
  },
  { timeout: 600_000 },
);

after(
  async () => {
    await browser?.close();
    await stack?.stop();
  },
  { timeout: 60_000 },
);

describe('what a newcomer sees in the chat', { timeout: 600_000, skip: noBrowser }, () => {
  it('reads the balance from the database through the workflow', async () => {
    const answer = await ask(requester, '/balance', /EUR/);
    const [row] = await stack.demo<{ total: string }>(
      `select sum(amount)::text as total from ledger where account = 'main'`,
    );
    assert.match(
      answer.replaceAll(/[^0-9.]/g, ''),
      new RegExp((row?.total ?? 'x').replace('-', '').replace('.', '\\.')),
    );
  });

  it('asks for approval, shows the payment on the n8n form, pays once and shows the receipt', async () => {
    const waiting = await ask(requester, '/pay 120 EUR ACME invoice-42', /approv/i);
    assert.match(waiting, /Alex Approver/);
    assert.equal((await ledger('invoice-42')).length, 0);
    const link = await formLink(approverA, 'ACME');
    assert.match(link, /\/webhook-waiting\/\d+\/[^?]+\?.*signature=[^#]+#.+/);
    const form = await (await browser.newContext()).newPage();
    await form.goto(link);
    const shown = await form.locator('body').innerText();
    assert.match(shown, /Requester/i);
    assert.match(shown, /120/);
    assert.match(shown, /ACME/);
    assert.match(shown, /invoice-42/);
    await form.context().close();
    await decideOnForm(link, 'Approve', 'as ordered');
    const done = await answerTo(requester, '/pay 120 EUR ACME invoice-42', /Paid/);
    await picture(requester, 'chat-paid');
    assert.match(done, /receipt/i);
    assert.deepEqual(await ledger('invoice-42'), [{ amount: '120.00', payee: 'ACME' }]);
    const again = await decideTwice(link);
    assert.doesNotMatch(again, /stack|at .*\.js/i);
    assert.equal((await ledger('invoice-42')).length, 1);
  });

  it('refuses the requester who votes on their own payment, with the reason', async () => {
    await ask(requester, '/pay 121 EUR ACME invoice-43', /approv/i);
    const [row] = await stack.sql<{ id: string }>(
      `select id from approvals where state = 'pending' order by created_at desc limit 1`,
    );
    await requester.goto(`${stack.urls.approvals}/${row?.id}`);
    assert.match(await requester.locator('main').innerText(), /own/i);
    assert.equal(await requester.getByRole('button', { name: /^Approve/ }).count(), 0);
    await requester.goto(stack.urls.chat);
    await say(requester, '/cancel');
    await answerTo(requester, '/pay 121 EUR ACME invoice-43', /cancel/i);
    assert.equal((await ledger('invoice-43')).length, 0);
  });

  it('needs two different approvers from 1,000 EUR', async () => {
    await ask(requester, '/pay 5000 EUR ACME invoice-44', /approv/i);
    const first = await formLink(approverA, '5');
    await decideOnForm(first, 'Approve', 'one');
    await sleep(1500);
    assert.equal((await ledger('invoice-44')).length, 0, 'one vote is not enough');
    await decideOnForm(first, 'Approve', 'one again').catch(() => undefined);
    await sleep(1500);
    assert.equal((await ledger('invoice-44')).length, 0, 'the same person twice is not two people');
    await approverB.goto(stack.urls.approvals);
    await picture(approverB, 'inbox');
    await approverB
      .getByRole('link', { name: /5,?000/ })
      .first()
      .click();
    await picture(approverB, 'approval');
    await approverB.getByRole('button', { name: /^Approve/ }).click();
    await answerTo(requester, '/pay 5000 EUR ACME invoice-44', /Paid/);
    assert.equal((await ledger('invoice-44')).length, 1);
  });

  it('asks before it deletes a customer, and leaves it when the approver says no', async () => {
    await ask(requester, '/delete-customer 7', /approv/i);
    const link = await formLink(approverA, '7');
    await decideOnForm(link, 'Reject', 'still a customer');
    await answerTo(requester, '/delete-customer 7', /reject|declined|refused/i);
    const rows = await stack.demo<{ deleted_at: Date | null }>(
      'select deleted_at from customers where id = 7',
    );
    assert.equal(rows[0]?.deleted_at, null);
  });

  it('denies an export and an unknown tool with a readable reason', async () => {
    assert.match(await ask(requester, '/export-all', /export|not allowed|denied|refused/i), /\w+ \w+/);
    await ask(requester, '/launch-rocket now', /launch-rocket|unknown|no tool/i);
  });

  it('answers help, whoami, pending and free text', async () => {
    await ask(requester, '/help', /\/pay/);
    await ask(requester, '/whoami', /requester/i);
    await ask(requester, '/pending', /nothing|no /i);
    await ask(requester, 'please transfer all the money', /\/help|\/pay/);
  });

  it('shows each chain in the receipts page', async () => {
    await requester.goto(stack.urls.receipts);
    await picture(requester, 'receipts');
    const paid = requester
      .locator('details.chain')
      .filter({ hasText: 'ledger.transfer' })
      .filter({ hasText: 'Vote' });
    const text = (await paid.first().textContent()) ?? '';
    for (const step of ['Message received', 'Policy decided', 'Call started', 'Call ended', 'Reply sent']) {
      assert.ok(text.includes(step), step);
    }
  });
});

/** A second use of a link whose approval is decided. */
async function decideTwice(link: string): Promise<string> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(link);
  const text = await page.locator('body').innerText();
  await page.context().close();
  return text;
}

describe('the audit', { timeout: 120_000, skip: noBrowser }, () => {
  const gatehouse = (...args: string[]): Promise<{ stdout: string }> =>
    run(process.execPath, [join(import.meta.dirname, '../../gateway/cli/gatehouse.mjs'), ...args], {
      env: { ...process.env, GATEHOUSE_DATABASE_URL: stack.databaseUrl, GATEHOUSE_DATA_DIR: stack.dir },
    });

  it('verifies an export offline, and names the one byte that changed', async () => {
    await sleep(1500);
    const file = join(stack.dir, 'audit.jsonl');
    await gatehouse('audit', 'export', '--out', file);
    await gatehouse('audit', 'verify', file);
    const text = readFileSync(file, 'utf8');
    const at = text.indexOf('ledger.transfer');
    writeFileSync(file, `${text.slice(0, at)}ledger.transfeR${text.slice(at + 15)}`);
    await assert.rejects(
      gatehouse('audit', 'verify', file),
      (error: { code: number; stdout: string; stderr: string }) => {
        assert.notEqual(error.code, 0);
        assert.match(`${error.stdout}${error.stderr}`, /changed|hash/i);
        return true;
      },
    );
  });
});

describe('privacy', { timeout: 300_000, skip: noBrowser }, () => {
  it('keeps secrets and tokens out of logs, rows and receipts', async () => {
    const secrets = JSON.parse(
      readFileSync(join(stack.dir, 'n8n', 'credentials-overwrite.json'), 'utf8'),
    ) as {
      gatehouseApi: Record<string, string>;
    };
    const values = Object.values(secrets.gatehouseApi).filter(
      (value) => value.length > 20 && !value.startsWith('http'),
    );
    assert.ok(values.length >= 2);
    const dump = [
      JSON.stringify(await stack.n8n('select data from execution_data')),
      JSON.stringify(await stack.sql('select * from receipts')),
      JSON.stringify(await stack.sql('select * from attempts')),
      readFileSync(join(stack.dir, 'logs', 'gateway.log'), 'utf8'),
      readFileSync(join(stack.dir, 'logs', 'n8n.log'), 'utf8'),
    ];
    for (const value of values)
      for (const text of dump) assert.ok(!text.includes(value), 'a secret was found');
  });

  it('writes no argument and no message text into receipts', async () => {
    const text = JSON.stringify(await stack.sql('select facts from receipts'));
    for (const value of ['invoice-42', 'ACME', 'as ordered', 'please transfer'])
      assert.ok(!text.includes(value), value);
  });
});
