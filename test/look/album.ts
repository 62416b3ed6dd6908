import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';

/** Where pictures go, and which are wanted. */
export interface Album {
  browser: Browser;
  /** Whether a picture is wanted whose name begins so; what none is taken of need not be started. */
  wants(name: string): boolean;
  /** Takes a picture of a page in each view, once `show` has brought it there. */
  take(page: Page, name: string, views: readonly View[], show: () => Promise<void>): Promise<void>;
  taken(): number;
}

/** How a page is looked at. */
export interface View {
  scheme: 'light' | 'dark';
  width: number;
  height: number;
  /** the whole page, however high */
  full?: boolean;
}

/** @param filters beginnings of names; none wants all */
export function album(browser: Browser, folder: string, filters: readonly string[]): Album {
  let count = 0;
  const wants = (name: string): boolean =>
    filters.length === 0 || filters.some((filter) => name.startsWith(filter) || filter.startsWith(name));
  return {
    browser,
    wants,
    async take(page, name, views, show) {
      if (!wants(name)) return;
      const [first] = views;
      if (first) await page.setViewportSize(first);
      await show();
      for (const { scheme, width, height, full } of views) {
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
        await page.setViewportSize({ width, height });
        await page.waitForTimeout(400);
        await page.screenshot({
          path: join(folder, `${name}-${width}-${scheme}.png`),
          fullPage: full ?? false,
        });
        count += 1;
      }
    },
    taken: () => count,
  };
}
