import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { addRun, addSteps, call, question } from './agent-runs.ts';
import { openPages, skip, type Pages } from './browser.ts';

describe('the page of a run in a browser', { skip }, () => {
  let pages: Pages;
  before(async () => {
    pages = await openPages();
  });
  after(() => pages?.stop());

  it('takes in what is new while somebody types, and lets go of its buttons when the run is over', async () => {
    const { pool } = pages.web;
    const id = await addRun(pool, {}, question('One.'));
    const { context, page, problems } = await pages.open('requester');
    await page.goto(`${pages.web.base}/runs/${id}`);
    await page.fill('#text', 'Only those of May');
    await page.locator('details.said-by > summary').first().click();
    await addSteps(pool, id, call('c1_0', 'ledger.balance', '{}'), 3);
    await pool.query(`select pg_notify('agent_runs', $1)`, [id]);
    await page.locator('#s-3').waitFor();
    assert.equal(await page.inputValue('#text'), 'Only those of May');
    assert.equal(await page.locator('details.said-by[open]').count(), 1, 'what was open stays open');
    await pool.query(
      `update agent_runs set state = 'stopped', ended_by = 'person', finished_at = now() where id = $1`,
      [id],
    );
    await pool.query(`select pg_notify('agent_runs', $1)`, [id]);
    await page.getByText('Its person stopped it.').waitFor();
    assert.equal(await page.locator('#say').isVisible(), false);
    assert.equal(await page.getByRole('button', { name: 'Stop' }).count(), 0);
    assert.deepEqual(problems, []);
    await context.close();
  });

  it('steers without a script', async () => {
    const id = await addRun(pages.web.pool);
    const { context, page } = await pages.open('requester', { javaScriptEnabled: false });
    await page.goto(`${pages.web.base}/runs/${id}`);
    await page.fill('#text', 'Only those of May');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    assert.deepEqual(
      pages.web.state.steered.map((one) => (one as unknown[])[0]),
      ['say', 'pause'],
    );
    assert.equal(page.url(), `${pages.web.base}/runs/${id}`);
    await context.close();
  });
});
