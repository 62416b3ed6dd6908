import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executablePath = process.env.GATEHOUSE_TEST_CHROMIUM ?? '/usr/bin/chromium';

/** Why browser tests cannot run here, or false; the test command makes a skip loud, and a failure in CI. */
export const noBrowser = existsSync(executablePath) ? false : 'no Chromium';

/** Debian's Chromium, headless. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: flags });
}

/** Opens a private window and signs in through a link, as a person does: look at the page, press the button. */
export async function signIn(browser: Browser, link: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(link);
  await page.getByRole('button', { name: /^Sign in as/ }).click();
  await page.waitForURL((url) => url.pathname === '/');
  return page;
}

/** Types a message into the chat and sends it with Enter. @returns the number of entries before it */
export async function say(page: Page, text: string): Promise<void> {
  const box = page.locator('#text');
  await box.fill(text);
  await box.press('Enter');
  await page.locator('.entry .said', { hasText: text }).last().waitFor();
}

/** The answer under the latest entry that says exactly `text`, once it matches `expected`. */
export async function answerTo(
  page: Page,
  text: string,
  expected: RegExp,
  timeout = 30_000,
): Promise<string> {
  const entry = page
    .locator('.entry')
    .filter({ has: page.locator('.said', { hasText: text }) })
    .last();
  const answer = entry.locator('.answer').filter({ hasText: expected });
  try {
    await answer.waitFor({ timeout });
  } catch {
    assert.fail(
      `no answer to ${text} matching ${String(expected)}; the page shows: ${await entry.innerText()}`,
    );
  }
  return answer.innerText();
}

/** Asks, and waits for the answer. */
export async function ask(page: Page, text: string, expected: RegExp): Promise<string> {
  await say(page, text);
  return answerTo(page, text, expected);
}
