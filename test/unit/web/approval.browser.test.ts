import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openPages, skip, type Pages } from './browser.ts';
import { paymentCard } from './cards.ts';

describe('the page of a request in a browser', { skip }, () => {
  let pages: Pages;
  before(async () => {
    pages = await openPages();
  });
  after(() => pages?.stop());

  it('never approves on Enter, and approves by its named button', async () => {
    const card = paymentCard();
    pages.web.state.cards.set(card.id, card);
    const { context, page, problems } = await pages.open('approver-a');
    await page.goto(`${pages.web.base}/approvals`);
    await page.getByRole('link', { name: /asks to pay 5,000\.00 EUR/ }).click();
    await page.getByLabel('Comment').press('Enter');
    await page.keyboard.press('Enter');
    assert.deepEqual(pages.web.state.votes, []);
    await page.getByLabel('Comment').fill('checked with ACME');
    await page.getByRole('button', { name: 'Approve 5,000.00 EUR to ACME' }).click();
    await page.waitForURL(`${pages.web.base}/approvals/${card.id}`);
    assert.deepEqual(pages.web.state.votes, [
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
});
