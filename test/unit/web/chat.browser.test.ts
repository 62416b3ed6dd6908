import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openPages, skip, type Pages } from './browser.ts';

const receipt = '0193fd0a-4c1e-7b12-8aaa-0123456789ab';

describe('the chat page in a browser', { skip }, () => {
  let pages: Pages;
  before(async () => {
    pages = await openPages();
  });
  after(() => pages?.stop());

  it('attaches files with the keyboard, lets go of them, and says at once where they are too many', async () => {
    const { context, page, problems } = await pages.open('requester');
    const input = page.getByLabel('Attach files');
    const file = (name: string): { name: string; mimeType: string; buffer: Buffer } => ({
      ...{ name, mimeType: 'text/csv', buffer: Buffer.from('a,b') },
    });
    const chooser = page.waitForEvent('filechooser');
    await page.getByLabel('Message').focus();
    await page.keyboard.press('Tab');
    // Also gives the browser the time to hear that somebody waits for its chooser.
    await page.locator('#files:focus').waitFor({ state: 'attached' });
    await page.keyboard.press('Enter');
    await (await chooser).setFiles([file('one.csv'), file('two.csv')]);
    await page.getByText('one.csv, two.csv').waitFor();
    const remove = page.getByRole('button', { name: 'Remove' });
    await remove.press('Enter');
    assert.equal(await remove.isVisible(), false);
    const before = pages.web.state.submitted.length;
    await page.getByLabel('Message').fill('nine');
    await input.setInputFiles(Array.from({ length: 9 }, (_, index) => file(`${index}.csv`)));
    await page.getByLabel('Message').press('Enter');
    assert.equal(
      await page.evaluate("document.getElementById('files').validationMessage"),
      'Up to 8 files, together 4 MB.',
    );
    assert.equal(pages.web.state.submitted.length, before);
    await input.setInputFiles([file('three.csv')]);
    await page.getByLabel('Message').fill('one');
    await page.getByLabel('Message').press('Enter');
    await page.locator('.attached').getByText('three.csv').waitFor();
    assert.deepEqual(
      pages.web.state.files.map(({ name }) => name),
      ['three.csv'],
    );
    assert.equal(await remove.isVisible(), false, 'nothing is left for the next message');
    await pages.web.pool.query('delete from messages');
    assert.deepEqual(problems, []);
    await context.close();
  });

  it('sends with Enter, breaks the line with Shift+Enter, and follows the request live in one card', async () => {
    const { context, page, problems } = await pages.open('requester');
    await page.getByText('Nothing asked yet').waitFor();
    const box = page.getByLabel('Message');
    await box.fill('first line');
    await box.press('Shift+Enter');
    await box.pressSequentially('second line');
    await box.press('Enter');
    const entry = page.locator('#history > li');
    await entry.getByText('Received', { exact: true }).waitFor();
    assert.equal(await box.inputValue(), '');
    assert.equal(pages.web.state.submitted.at(-1), 'first line\nsecond line');
    assert.equal(await page.getByText('Nothing asked yet').isVisible(), false);
    assert.equal(new URL(page.url()).pathname, '/');

    const { rows } = await pages.web.pool.query<{ id: string }>(
      `select id from messages order by seq desc limit 1`,
    );
    const id = rows[0]?.id ?? '';
    await pages.web.setState(id, 'running');
    await entry.getByText('Deciding', { exact: true }).waitFor();
    await pages.web.setState(id, 'waiting');
    await pages.web.addReply('requester', id, {
      text: 'Alex or Blake must approve this payment.',
      tone: 'waiting',
      facts: [{ label: 'Amount', value: '5000 EUR' }],
      link: { label: 'Open the request', url: '/approvals/dec_0193fd0a4c1e7b12' },
    });
    await entry.getByText('Waiting for approval', { exact: true }).waitFor();
    await entry.getByText('5,000.00 EUR').waitFor();
    await pages.web.setState(id, 'done');
    await pages.web.addReply('requester', id, {
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
    const { context, page } = await pages.open('requester');
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
    const { context, page } = await pages.open('requester');
    pages.web.sessions.clear();
    await pages.web.addReply('requester', 'secret-after-logout', { text: 'must not arrive', tone: 'info' });
    await page.waitForTimeout(500);
    assert.equal(await page.getByText('must not arrive').count(), 0);
    await pages.web.pool.query(`delete from outbox where card = 'secret-after-logout'`);
    await context.close();
  });

  it('shows a refused message beside the box and keeps the text', async () => {
    const { context, page } = await pages.open('requester');
    pages.web.state.outcome = 'refused';
    await page.getByLabel('Message').fill('one too many');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText('Too many messages are waiting').waitFor();
    assert.equal(await page.getByLabel('Message').inputValue(), 'one too many');
    pages.web.state.outcome = 'accepted';
    await context.close();
  });

  it('works without scripts', async () => {
    const { context, page } = await pages.open('requester', { javaScriptEnabled: false });
    await page.getByLabel('Message').fill('/balance without scripts');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.locator('#history > li').last().getByText('/balance without scripts').waitFor();
    await context.close();
  });

  it('writes times in the zone of the reader, with the exact instant on hover', async () => {
    const { context, page } = await pages.open('requester', { timezoneId: 'Asia/Tokyo' });
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
});
