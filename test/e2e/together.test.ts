import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { answerTo, launchBrowser, noBrowser, say, signIn } from './support/browser.ts';
import { builderOf, type Draft, type DraftNode } from './support/builder.ts';
import { eventually } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let browser: Browser;
let requester: Page;
before(
  async () => {
    if (noBrowser) return;
    stack = await testStack();
    await (await builderOf(stack)).build('example-note.json', threeNotes);
    browser = await launchBrowser();
    requester = await signIn(browser, stack.links.requester);
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

/** Makes the example note the same about three customers: one item each, through one check and one gate. */
function threeNotes(draft: Draft, node: (name: string) => DraftNode): void {
  const trigger = node('When the Chat Calls');
  const common = { typeVersion: 1, position: [0, 400] };
  draft.nodes.push(
    {
      ...common,
      id: crypto.randomUUID(),
      name: 'Customers',
      type: 'n8n-nodes-base.set',
      typeVersion: 3.4,
      parameters: {
        mode: 'raw',
        jsonOutput: '{ "customers": ["7", "8", "9"] }',
        includeOtherFields: true,
        options: {},
      },
    },
    {
      ...common,
      id: crypto.randomUUID(),
      name: 'One Item Each',
      type: 'n8n-nodes-base.splitOut',
      parameters: { fieldToSplitOut: 'customers', include: 'allOtherFields', options: {} },
    },
  );
  const to = (name: string) => ({ main: [[{ node: name, type: 'main', index: 0 }]] });
  Object.assign(draft.connections, {
    [trigger.name]: to('Customers'),
    Customers: to('One Item Each'),
    'One Item Each': to('Policy Check'),
  });
  (node('Policy Check').parameters.fields as { value: object }).value = {
    customer: '={{ $json.customers }}',
    note: `={{ $json.envelope.data.content.command.words.slice(1).join(' ') }}`,
  };
}

const noted = async (note: string): Promise<number[]> =>
  (
    await stack.demo<{ customer: number }>(
      'select customer from customer_notes where note = $1 order by customer',
      [note],
    )
  ).map(({ customer }) => customer);

/** Asks for the notes and opens the one request that comes of it. */
async function ask(note: string): Promise<{ said: string; ids: string[] }> {
  const said = `/example note ${note}`;
  await requester.goto(stack.urls.chat);
  await say(requester, said);
  await answerTo(requester, said, /Please confirm: all 3 calls/);
  const rows = await stack.sql<{ id: string; card: string }>(
    `select a.id, a.card from approvals a join decisions d on d.id = a.id
     where d.args ->> 'note' = $1 and a.state = 'pending' order by a.item_index`,
    [note],
  );
  assert.deepEqual(new Set(rows.map(({ card }) => card)), new Set([rows[0]?.id]), 'one card for all');
  assert.equal(rows.length, 3);
  await requester.goto(stack.urls.approvals);
  const links = requester.getByRole('link', { name: /3 calls together/ });
  await links.first().waitFor();
  assert.equal(await links.count(), 1, 'the inbox has one entry');
  await links.click();
  await requester.getByRole('heading', { level: 1, name: /asks for 3 calls together/ }).waitFor();
  return { said, ids: rows.map(({ id }) => id) };
}

const states = async (ids: string[]): Promise<string[]> =>
  (await stack.sql<{ state: string }>('select state from approvals where id = any($1)', [ids])).map(
    ({ state }) => state,
  );

describe('the calls of one gate on one card', { timeout: 300_000, skip: noBrowser }, () => {
  it('are shown each with its record and source, confirmed by one click, and done once each', async () => {
    const { said, ids } = await ask('Prefers to be called');
    const page = await requester.locator('main').innerText();
    for (const [index, customer] of ['7', '8', '9'].entries())
      assert.match(page, new RegExp(`${index + 1}\\. Customer\\s+${customer} from`));
    assert.equal(await requester.getByRole('link', { name: 'Edit the request' }).count(), 0);
    assert.deepEqual(await noted('Prefers to be called'), []);
    await requester.getByRole('button', { name: 'Confirm all 3 calls' }).click();
    await eventually('three notes', 30_000, async () => {
      const seen = await noted('Prefers to be called');
      return { done: seen.length === 3, seen: String(seen) };
    });
    assert.deepEqual(await noted('Prefers to be called'), [7, 8, 9]);
    assert.deepEqual(await states(ids), ['approved', 'approved', 'approved']);
    const outcomes = await stack.sql(
      `select from receipts where decision_id = any($1) and kind = 'approval.outcome'`,
      [ids],
    );
    assert.equal(outcomes.length, 3);
    await requester.goto(stack.urls.chat);
    await answerTo(requester, said, /Noted about customer/);
    for (const customer of ['7', '8', '9'])
      await requester.getByText(`Noted about customer ${customer}.`).first().waitFor();
  });

  it('are all left undone by one rejection, and the chat says why', async () => {
    const { said, ids } = await ask('Moved to Graz');
    await requester.getByLabel(/Comment/).fill('the wrong three');
    await requester.getByRole('button', { name: 'Reject' }).click();
    await requester.goto(stack.urls.chat);
    await answerTo(requester, said, /the wrong three/);
    assert.deepEqual(await states(ids), ['rejected', 'rejected', 'rejected']);
    assert.deepEqual(await noted('Moved to Graz'), []);
    await eventually('no waiting execution', 30_000, async () => {
      const waiting = await stack.n8n(`select from execution_entity where status = 'waiting'`);
      return { done: waiting.length === 0, seen: String(waiting.length) };
    });
  });
});
