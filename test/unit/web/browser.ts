import { mkdirSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser, noBrowser } from '../../e2e/support/browser.ts';
import { startWeb, type WebStandIn } from './stand-in.ts';

/** Where pictures of the pages are left, if they are wanted. */
export const shots = process.env.GATEHOUSE_TEST_SHOTS;
/** Why a test of a browser is left out. A machine that checks the project must not pass by skipping. */
export const skip = process.env.CI ? false : noBrowser;

/** The pages, and a browser that looks at them. */
export interface Pages {
  web: WebStandIn;
  browser: Browser;
  /** Signs somebody in through a link. `problems` are what the console said, and requests that left the site. */
  open(
    principal: string,
    options?: { width?: number; dark?: boolean; javaScriptEnabled?: boolean; timezoneId?: string },
  ): Promise<{ context: BrowserContext; page: Page; problems: string[] }>;
  stop(): Promise<void>;
}

export async function openPages(): Promise<Pages> {
  const web = await startWeb();
  const browser = await launchBrowser();
  if (shots) mkdirSync(shots, { recursive: true });
  return {
    web,
    browser,
    async open(principal, options = {}) {
      const context = await browser.newContext({
        viewport: { width: options.width ?? 1280, height: 800 },
        colorScheme: options.dark ? 'dark' : 'light',
        javaScriptEnabled: options.javaScriptEnabled ?? true,
        permissions: ['clipboard-read', 'clipboard-write'],
        ...(options.timezoneId ? { timezoneId: options.timezoneId } : {}),
      });
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
          problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith(web.base)) problems.push(`left the site: ${request.url()}`);
      });
      await page.goto(await web.loginLink(principal));
      await page.getByRole('button', { name: /^Sign in as/ }).click();
      await page.waitForURL(`${web.base}/`);
      return { context, page, problems };
    },
    async stop() {
      await browser.close();
      await web.stop();
    },
  };
}
