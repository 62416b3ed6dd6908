import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from '../../e2e/support/browser.ts';
import { violations } from '../../support/axe.ts';
import { gateOf, type DecisionOptions } from '../approvals/support.ts';
import { shots, skip } from './browser.ts';
import { openInbox, type InboxHouse } from './inbox-house.ts';

describe('the inbox in a browser', { skip }, () => {
  let inbox: InboxHouse;
  let browser: Browser;
  before(async () => {
    inbox = await openInbox();
    browser = await launchBrowser();
    if (shots) mkdirSync(shots, { recursive: true });
  });
  after(async () => {
    await browser?.close();
    await inbox?.stop();
  });

  async function asked(payee: string, options: DecisionOptions = {}): Promise<string> {
    const { house } = inbox;
    const args = { amount: '1250.00', currency: 'EUR', payee, reference: `invoice of ${payee}` };
    const decision = await house.decision({ args, ...options });
    await house.approvals.register(decision.run, gateOf([decision]));
    return decision.id;
  }

  const newsletter = (subject: string): DecisionOptions => ({
    tool: 'newsletter.send',
    args: { subject, body: 'See you at ten.' },
  });

  async function open(
    principal: string,
    path = '/approvals',
    options: { width?: number; dark?: boolean; javaScriptEnabled?: boolean } = {},
  ): Promise<{ context: BrowserContext; page: Page; problems: string[] }> {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: 800 },
      colorScheme: options.dark ? 'dark' : 'light',
      javaScriptEnabled: options.javaScriptEnabled ?? true,
    });
    const [name = '', value = ''] = inbox.signIn(principal).split('=');
    await context.addCookies([{ name, value, url: inbox.base }]);
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${inbox.base}${path}`);
    return { context, page, problems };
  }

  async function reject(approvalId: string): Promise<void> {
    await inbox.house.approvals.vote({
      approvalId,
      principal: 'approver-b',
      verdict: 'reject',
      comment: 'no',
      channel: 'web',
    });
  }

  const focused = (page: Page): Promise<string> => page.evaluate('document.activeElement.id');

  it('lets requests come and go without a reload, and keeps the focus where it was', async () => {
    const first = await asked('First Ltd');
    const second = await asked('Second Ltd');
    const { context, page, problems } = await open('approver-a', '/approvals?group=none');
    await page.getByText('First Ltd').first().waitFor();
    await page.evaluate('window.untouched = true');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    assert.equal(await focused(page), `r-${second}-a`);

    const third = await asked('Third Ltd');
    await page.locator(`#r-${third}`).waitFor();
    assert.equal(await focused(page), `r-${second}-a`);
    assert.equal(await page.locator('#inbox-needed').textContent(), '3');
    assert.equal(await page.locator('#inbox-news').textContent(), 'One new request.');

    await reject(first);
    await page.locator(`#r-${first}`).waitFor({ state: 'detached' });
    assert.equal(await focused(page), `r-${second}-a`);
    // The one that is read right now ends: what stands in its place is focused.
    await reject(second);
    await page.locator(`#r-${second}`).waitFor({ state: 'detached' });
    assert.equal(await focused(page), `r-${third}-a`);
    assert.equal(await page.evaluate('window.untouched'), true);

    await reject(third);
    await page.getByText('No request needs you.').waitFor();
    assert.equal(await page.title(), 'Approvals · Gatehouse');
    assert.deepEqual(problems, []);
    await context.close();
  });

  it('moves by j, k and the arrows, opens with Enter, and never decides by a key', async () => {
    const ids = [await asked('One Ltd'), await asked('Two Ltd')];
    const { context, page, problems } = await open('approver-a', '/approvals?group=none');
    assert.ok(await page.getByText('or the arrows move').isVisible());
    await page.keyboard.press('j');
    assert.equal(await focused(page), `r-${ids[0]}-a`);
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(page), `r-${ids[1]}-a`);
    await page.keyboard.press('k');
    assert.equal(await focused(page), `r-${ids[0]}-a`);
    for (const key of 'abcdefghilmnopqrstuvwxyz'.replace('r', 'r')) await page.keyboard.press(key);
    assert.equal(
      (await inbox.house.database.pool.query('select from votes where principal = $1', ['approver-a']))
        .rowCount,
      0,
    );
    await page.locator(`#r-${ids[0]}-a`).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`${inbox.base}/approvals/${ids[0]}`);
    assert.deepEqual(problems, []);
    await context.close();
    for (const id of ids) await reject(id);
  });

  it('keeps a folded group open while it grows, and its address narrows the list', async () => {
    const ids = await Promise.all(['A', 'B', 'C', 'D', 'E'].map((name) => asked(`${name} Ltd`)));
    const { context, page } = await open('approver-a');
    const group = page.locator('li.group');
    await group.locator('summary').click();
    await page.getByText('5 requests').waitFor();
    ids.push(await asked('F Ltd'));
    await page.getByText('6 requests').waitFor();
    assert.equal(await group.locator('details').getAttribute('open'), '');
    assert.equal(await group.getByRole('button').count(), 0);
    await page.getByRole('link', { name: 'Read all 6 one by one' }).click();
    assert.equal(await page.locator('#inbox-items > li').count(), 6);
    assert.equal(new URL(page.url()).search, '?what=ledger.transfer&from=requester&group=none');
    await context.close();
    for (const id of ids) await reject(id);
  });

  it('finds by words, with and without scripts, and lets in only what matches', async () => {
    const ids = [await asked('Needle Ltd'), await asked('Hay Ltd')];
    for (const javaScriptEnabled of [true, false]) {
      const { context, page, problems } = await open('approver-a', '/approvals?group=none', {
        javaScriptEnabled,
      });
      const field = page.getByRole('searchbox', { name: 'Find' });
      await field.fill('needle robin');
      await field.press('Enter');
      await page.waitForURL(/[?&]find=needle(\+|%20)robin/);
      assert.equal(await page.locator('#inbox-items > li').count(), 1);
      assert.equal(await field.inputValue(), 'needle robin');
      assert.equal(await page.locator('#inbox-needed').textContent(), String(ids.length));
      if (javaScriptEnabled) {
        ids.push(await asked('More hay Ltd'), await asked('Second needle Ltd'));
        await page.locator(`#r-${ids[3]}`).waitFor();
        assert.equal(await page.locator('#inbox-items > li').count(), 2);
      }
      await page.getByRole('link', { name: 'Show all of it again' }).click();
      await page.getByText('Hay Ltd').first().waitFor();
      assert.equal(await field.inputValue(), '');
      assert.deepEqual(problems, []);
      await context.close();
      if (javaScriptEnabled) await reject(ids[3] ?? '');
      if (javaScriptEnabled) ids.pop();
    }
    for (const id of ids) await reject(id);
  });

  it('reads the same without scripts, with the time that is left', async () => {
    const id = await asked('Plain Ltd');
    const { context, page } = await open('approver-a', '/approvals', { javaScriptEnabled: false });
    await page.getByText('Plain Ltd').first().waitFor();
    assert.match((await page.locator(`#r-${id} [data-until]`).textContent()) ?? '', /^\d+ min left$/);
    assert.equal(await page.getByText('or the arrows move').isVisible(), false);
    await page.getByText('Filter and group').click();
    await page.getByLabel('Rule', { exact: false }).first().selectOption('payment_needs_approval');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.match(page.url(), /why=payment_needs_approval/);
    await page.getByText('Plain Ltd').first().waitFor();
    await context.close();
    await reject(id);
  });

  it('reads a hundred requests calmly, in pages', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 100; index += 1) ids.push(await asked(`Payee ${index}`));
    const { context, page } = await open('approver-a');
    assert.equal(await page.locator('#inbox-items > li').count(), 1);
    await page.getByText('100 requests').click();
    await page.getByRole('link', { name: 'Read all 100 one by one' }).click();
    for (let at = 1; at < 5; at += 1) {
      assert.equal(await page.locator('#inbox-items > li').count(), 20);
      await page.getByRole('link', { name: 'Next page' }).click();
      await page
        .getByText(`Payee ${at * 20} `)
        .first()
        .waitFor();
    }
    assert.equal(await page.getByRole('link', { name: 'Next page' }).count(), 0);
    await context.close();
    for (const id of ids) await reject(id);
  });

  it('is readable in light and dark, on a phone and wide, and passes axe', async () => {
    const { house } = inbox;
    const two = await asked('ACME', { quorum: 2 });
    await house.approvals.vote({
      approvalId: two,
      principal: 'approver-b',
      verdict: 'approve',
      channel: 'web',
    });
    await asked('A payee with a name that goes on and on so that it has to wrap somewhere GmbH & Co. KG');
    await asked('Baker & Sons', {
      provenance: [
        {
          at: '/payee',
          arg: 'payee',
          kind: 'redirects',
          origin: 'tool',
          source: { tool: 'files.read', at: '2026-11-25T10:02:00Z', call: 'att_1' },
        } as never,
      ],
    });
    for (let index = 0; index < 7; index += 1) await asked('', newsletter(`Minutes ${index}`));
    for (const [name, path] of [
      ['inbox', '/approvals'],
      ['inbox-none', '/approvals?group=none&what=ledger.transfer'],
      ['inbox-decided', '/approvals?view=decided&show=all'],
      ['report', '/approvals/report'],
    ] as const) {
      for (const width of [360, 1280]) {
        for (const dark of [false, true]) {
          const { context, page, problems } = await open('approver-a', path, { width, dark });
          assert.ok(
            (await page.evaluate<number>('document.documentElement.scrollWidth')) <= width,
            `${name} is wider than ${width}`,
          );
          if (shots)
            await page.screenshot({
              path: `${shots}/${name}-${width}-${dark ? 'dark' : 'light'}.png`,
              fullPage: true,
            });
          assert.deepEqual(await violations(page), [], `${name} ${width}`);
          assert.deepEqual(problems, []);
          await context.close();
        }
      }
    }
  });
});
