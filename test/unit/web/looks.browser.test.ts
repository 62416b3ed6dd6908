import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { violations } from '../../support/axe.ts';
import { openPages, shots, skip, type Pages } from './browser.ts';
import { diagnoseForLooks, fillForLooks } from './looks.ts';
import { runsForLooks } from './runs-for-looks.ts';

describe('the looks of the pages', { skip }, () => {
  let pages: Pages;
  /** Name, who looks, and where. */
  let visits: [string, string, string][];
  before(async () => {
    pages = await openPages();
    await fillForLooks(pages.web);
    diagnoseForLooks(pages.web);
    const { waiting, over } = await runsForLooks(pages.web);
    visits = [
      ['chat', 'requester', '/'],
      ['chat-approver', 'approver-a', '/'],
      ['approvals', 'approver-a', '/approvals'],
      ['approvals-empty', 'requester', '/approvals'],
      ['approval', 'approver-a', '/approvals/dec_0193fd0a4c1e7b12'],
      ['identity', 'requester', '/identities/PAIR2345'],
      ['approval-changed', 'approver-a', '/approvals/dec_0193fd0a4c1e7b14'],
      ['approval-edit', 'approver-a', '/approvals/dec_0193fd0a4c1e7b14/edit'],
      ['approval-closed', 'requester', '/approvals/dec_0193fd0a4c1e7b13'],
      ['runs', 'approver-a', '/runs'],
      ['runs-empty', 'admin', '/runs'],
      ['run-own', 'requester', `/runs/${waiting}`],
      ['run-review', 'approver-a', `/runs/${waiting}`],
      ['run-over', 'requester', `/runs/${over}`],
      ['costs', 'approver-a', '/costs'],
      ['costs-own', 'requester', '/costs?of=tokens'],
      ['receipts', 'approver-a', '/receipts'],
      ['policy', 'approver-a', `/policy?decision=${pages.web.state.decision}`],
      ['policy-plain', 'requester', '/policy'],
      ['policy-admin', 'admin', '/policy'],
      ['doctor', 'admin', '/doctor'],
      ['terminal', 'requester', '/terminal'],
      ['docs', 'requester', '/docs'],
      ['login', 'requester', '/login'],
      ['missing', 'requester', '/nowhere'],
    ];
  });
  after(() => pages?.stop());

  for (const width of [360, 1280]) {
    for (const dark of [false, true]) {
      it(`pass axe and fit, ${width} wide and ${dark ? 'dark' : 'light'}`, async () => {
        for (const principal of ['requester', 'approver-a', 'admin']) {
          const { context, page, problems } = await pages.open(principal, { width, dark });
          for (const [name, , path] of visits.filter((visit) => visit[1] === principal)) {
            await page.goto(pages.web.base + path);
            if (/^\/(policy|doctor)/.test(path))
              await page.evaluate(`document.querySelectorAll('details').forEach((one) => (one.open = true))`);
            for (const fold of await page.locator('details.ask > summary, details.said-by > summary').all())
              await fold.click();
            await look(page, `${name}-${width}-${dark ? 'dark' : 'light'}`, width);
            if (name !== 'terminal') continue;
            const { userCode } = await pages.web.terminals.begin(
              { host: 'laptop', account: 'robin' },
              '192.0.2.1',
            );
            await page.fill('#code', userCode);
            await page.click('text=Go on');
            await look(page, `terminal-asking-${width}-${dark ? 'dark' : 'light'}`, width);
            await page.click('text=Yes, it is mine');
            await look(page, `terminal-agreed-${width}-${dark ? 'dark' : 'light'}`, width);
          }
          assert.deepEqual(problems, []);
          await context.close();
        }
        const context = await pages.browser.newContext({
          viewport: { width, height: 800 },
          colorScheme: dark ? 'dark' : 'light',
        });
        const page = await context.newPage();
        await page.goto(await pages.web.loginLink('requester'));
        await look(page, `sign-in-${width}-${dark ? 'dark' : 'light'}`, width);
        await page.goto(`${pages.web.base}/`);
        await look(page, `stranger-${width}-${dark ? 'dark' : 'light'}`, width);
        await context.close();
      });
    }
  }

  async function look(page: Page, name: string, width: number): Promise<void> {
    // Scrolled, the head of the page would cover what stands under it.
    await page.evaluate('scrollTo(0, 0)');
    if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
    assert.deepEqual(await violations(page), [], name);
    const content = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(content <= width, `${name} is ${content} wide`);
  }
});
