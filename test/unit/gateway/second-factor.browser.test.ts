import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import type { Browser, Page } from 'playwright-core';
import { createSignIn } from '../../../gateway/sessions/index.ts';
import { launchBrowser, noBrowser } from '../../e2e/support/browser.ts';
import { violations } from '../../support/axe.ts';
import { gatewayFolder, startGateway, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { storeWaiting } from './waiting.ts';

const skip = process.env.CI ? false : noBrowser;
const shots = process.env.GATEHOUSE_TEST_SHOTS;

/** The real gateway with strict payments, and people with Chromium's own authenticator. */
describe('a strict request, in a browser', { skip, timeout: 500_000 }, () => {
  let database: TestDatabase;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;
  let browser: Browser;
  const problems: string[] = [];

  before(async () => {
    database = await testDatabase();
    folder = await gatewayFolder(({ policiesDir }) => {
      const classes = join(policiesDir, 'approvals.yaml');
      writeFileSync(classes, readFileSync(classes, 'utf8').replace('strict: false', 'strict: true'));
    });
    gateway = await startGateway(folder, { GATEHOUSE_DATABASE_URL: database.url });
    browser = await launchBrowser();
    if (shots) mkdirSync(shots, { recursive: true });
  });
  after(async () => {
    await browser?.close();
    await gateway?.stop();
    await folder?.remove();
    await database?.drop();
  });

  /** Opens a sign-in link, as an administrator gives one out. */
  async function enter(principal: string, page?: Page, invitedBy?: string): Promise<Page> {
    const signIn = createSignIn({ pool: database.pool });
    const token = await signIn.issueLogin(principal, 600, invitedBy === undefined ? {} : { invitedBy });
    const shown = page ?? (await (await browser.newContext()).newPage());
    shown.setDefaultTimeout(20_000);
    if (!page) {
      shown.on('pageerror', (error) => problems.push(error.message));
      shown.on('console', (message) => {
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
          problems.push(message.text());
      });
    }
    await shown.goto(`${gateway.publicUrl}/login?token=${token}`);
    await shown.getByRole('button', { name: /^Sign in as/ }).click();
    await shown.waitForURL((url) => url.pathname !== '/login');
    return shown;
  }

  /** Plugs an authenticator in that knows its holder and always agrees. */
  async function plugIn(page: Page): Promise<void> {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'usb',
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
  }

  const votes = async (id: string): Promise<string[]> =>
    (
      await database.pool.query<{ vote: string }>(
        `select concat_ws(' ', principal, verdict, split_part(authenticator, ':', 1)) as vote from votes
         where approval_id = $1`,
        [id],
      )
    ).rows.map((row) => row.vote);

  const at = (path: string): string => `${gateway.publicUrl}${path}`;

  /** Screens of both widths and colours, and what axe says of them. */
  async function look(page: Page, name: string): Promise<void> {
    for (const width of [360, 1280]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize({ width, height: 800 });
        // Colours that fade from one scheme to the other have the contrast of neither.
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        if (shots)
          await page.screenshot({ path: `${shots}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        assert.deepEqual(await violations(page), [], name);
        const content = await page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(content <= width, `${name} is ${content} wide`);
      }
    }
  }

  it('is decided with a passkey that an invited approver just added, and with nothing less', async () => {
    const { id, binding } = await storeWaiting(database);
    const page = await enter('approver-a');
    await page.goto(at(`/approvals/${id}`));
    await page.getByText('This is decided with a second factor. You have none').waitFor();
    assert.equal(await page.getByRole('button', { name: /^Approve/ }).count(), 0);
    const csrf = await page.locator('input[name=csrf]').first().getAttribute('value');
    const answer = await page.request.post(at(`/approvals/${id}/votes`), {
      headers: { origin: gateway.publicUrl, accept: 'text/html' },
      form: { csrf: csrf ?? '', binding, verdict: 'approve' },
    });
    assert.equal(answer.status(), 403);
    assert.match(await answer.text(), /GH-APPROVAL-061/);
    assert.deepEqual(await votes(id), []);

    await enter('approver-a', page, 'cli:test');
    assert.equal(new URL(page.url()).pathname, '/account/security');
    await plugIn(page);
    await look(page, 'security-empty');
    await page.getByLabel('Name').fill('My key');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByRole('heading', { name: 'My key' }).waitFor();
    await page.goto(at(`/approvals/${id}`));
    await look(page, 'approval-passkey');
    await page.getByRole('button', { name: 'Approve 5,000.00 EUR' }).click();
    await page.getByText('1 of 2 approvals so far').waitFor();
    assert.deepEqual(await votes(id), ['approver-a approve passkey']);
    assert.deepEqual(problems, []);

    // The person is told wherever they can be reached.
    await page.goto(at('/'));
    await page.getByText('The passkey “My key” was added to your account').waitFor();

    // The same authenticator in the hands of somebody else.
    await enter('approver-b', page, 'cli:test');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByRole('alert').getByText('This authenticator holds a passkey of this Gatehouse').waitFor();
    await page.context().close();
  });

  it('is decided with a code of an app, never by Enter, and a change of factors takes one', async () => {
    const { id } = await storeWaiting(database);
    const page = await enter('approver-b', undefined, 'cli:test');
    await page.getByRole('button', { name: 'Set up an app' }).click();
    await look(page, 'security-setup');
    const key = (await page.locator('.setup p code').first().textContent()) ?? '';
    const app = new TOTP({ secret: Secret.fromBase32(key.replaceAll(' ', '')) });
    const code = (steps: number): string => app.generate({ timestamp: Date.now() + steps * 30_000 });
    await page.getByLabel('Name').fill('Phone');
    await page.getByLabel('Code that the app shows now').fill(code(-1));
    await page.getByRole('button', { name: 'Add the app' }).click();
    await page.getByRole('heading', { name: 'Phone' }).waitFor();

    await page.goto(at(`/approvals/${id}`));
    const used = code(0);
    await page.getByLabel('One-time code').fill(used);
    await page.getByLabel('One-time code').press('Enter');
    await page.waitForTimeout(300);
    assert.deepEqual(await votes(id), []);
    await look(page, 'approval-code');
    await page.getByRole('button', { name: 'Approve 5,000.00 EUR' }).click();
    await page.getByText('1 of 2 approvals so far').waitFor();
    assert.deepEqual(await votes(id), ['approver-b approve code']);

    await page.goto(at('/account/security'));
    assert.equal(await page.getByRole('button', { name: /^(Add|Set up|Remove)/ }).count(), 0);
    await page.getByLabel('One-time code').fill(used);
    await page.getByRole('button', { name: 'Prove it is me' }).click();
    await page.getByRole('alert').getByText('The code is wrong or was used before').waitFor();
    await page.getByLabel('One-time code').fill(code(1));
    await page.getByRole('button', { name: 'Prove it is me' }).click();
    await page.getByRole('button', { name: 'Remove Phone' }).waitFor();
    await look(page, 'security');
    assert.ok(!gateway.said().includes(key.replaceAll(' ', '')), 'the log holds no secret');
    await page.getByRole('button', { name: 'Remove Phone' }).click();
    await page.getByText('You have no second factor yet').waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});
