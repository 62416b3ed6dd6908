import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import { waitingProxy } from '../../../gateway/approvals/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { launchBrowser, noBrowser } from '../../e2e/support/browser.ts';
import { fakeN8n, type FakeN8n } from './fake-n8n.ts';

const skip = process.env.CI ? false : noBrowser;
const path = '/webhook-waiting/12/abc-1?approval=dec_1&signature=feed';
const card = {
  state: 'pending',
  sentence: 'Robin asks to pay 120.00 EUR to ACME',
  effect: '120.00 EUR',
  quorum: 1,
  approvers: [{ display: 'Alex' }],
  deadline: '2030-01-01T00:00:00.000Z',
};

/** The page of the node as it is shipped. */
async function formPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../../nodes/ApprovalGate/page.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const source = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  const { cardPage } = (await import(`data:text/javascript;base64,${source}`)) as {
    cardPage: (shown: object, nonce: string) => string;
  };
  return cardPage(card, 'bm9uY2U=');
}

describe('a link to the approval form, in a browser', { skip }, () => {
  let n8n: FakeN8n;
  let server: Server;
  let browser: Browser;
  let page: Page;
  let base: string;
  before(async () => {
    n8n = await fakeN8n();
    const app = express();
    app.use('/webhook-waiting', waitingProxy({ n8nUrl: n8n.url, log: createLogger('silent') }));
    server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    await n8n?.stop();
  });
  beforeEach(async () => {
    n8n.calls.length = 0;
    page = await browser.newPage();
  });

  const answer = (body: string, policy?: string): void => {
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      ...(policy === undefined ? {} : { 'content-security-policy': policy }),
    };
    n8n.answers.splice(0, n8n.answers.length, { status: 200, body, headers });
  };

  it('shows the form to whoever has the token, and sends it only with a vote', async () => {
    const policy = "default-src 'none'; style-src 'nonce-bm9uY2U='; script-src 'nonce-bm9uY2U='";
    answer(await formPage(), `${policy}; form-action 'self'; sandbox allow-forms allow-scripts`);
    await page.goto(`${base}${path}#vote_1`);
    const approve = page.getByRole('button', { name: 'Approve 120.00 EUR' });
    await approve.waitFor();
    assert.equal(n8n.calls.length, 1);
    await approve.click();
    await page.waitForLoadState();
    assert.equal(n8n.calls[1]?.body, 'token=vote_1&shown=&comment=&verdict=approve');
    await page.close();
  });

  it('sends nothing anywhere by being opened, whatever page stands behind it', async () => {
    // What a builder could serve at an address that the gateway sends to each approver.
    const attack = `const token = location.hash;
      document.title = 'ran';
      fetch('/webhook-waiting/12/abc-1', { method: 'POST', mode: 'no-cors', body: token });
      new Image().src = '/webhook-waiting/12/stolen?' + token.slice(1);
      location.replace('/webhook-waiting/12/stolen?' + token.slice(1));`;
    answer(
      `<title>quiet</title><script>${attack}</script><script nonce="x">${attack}</script>
       <script src="data:text/javascript,${encodeURIComponent(attack)}"></script>
       <img src="x" onerror="${attack.replaceAll('"', '&quot;')}"><p>an open door</p>`,
      "default-src * 'unsafe-inline' data:",
    );
    await page.goto(`${base}${path}#vote_1`);
    await page.getByText('an open door').waitFor();
    await page.waitForTimeout(300);
    assert.equal(await page.title(), 'quiet');
    assert.deepEqual(
      n8n.calls.map((call) => `${call.method} ${call.url}`),
      [`GET ${path}`],
    );
    await page.close();
  });
});
