import { createHash, randomUUID } from 'node:crypto';
import type { Response } from 'express';
import { Streams } from './streams.ts';

/** What a page on some screen shows now: the hash of each entry by its DOM id. */
interface Screen {
  principal: string;
  /** Null until the first look of a page that is not remembered. */
  shown: Map<string, string> | null;
}

/** What a page shows, by its DOM id. */
export interface Shown {
  id: string;
  /** Whether it has a place of its own beside the list, where it is from the beginning. */
  apart?: boolean;
}

interface LiveOptions<Entry extends Shown> {
  /** DOM id of the list. */
  list: string;
  /** Where entries come that were not there before. */
  grows: 'beforeend' | 'afterbegin';
  render: (entry: Entry, swap: string | null) => string;
  /** Whether something is under way that nobody signals. */
  isBusy: (entries: readonly Entry[]) => boolean;
  /** Milliseconds between looks while something is under way, and while nothing is. */
  busyMs?: number;
  idleMs?: number;
  /** The shortest time between two looks. */
  restMs?: number;
}

const maxScreens = 2000;

/**
 * Keeps open pages up to date over server-sent events. The server remembers what each page shows and sends only
 * what changed, as htmx out-of-band fragments; a page it does not remember (a restart) gets all of it once.
 */
export class Live<Entry extends Shown> {
  readonly #options: LiveOptions<Entry>;
  readonly #screens = new Map<string, Screen>();
  readonly #streams: Streams;

  constructor(options: LiveOptions<Entry>) {
    this.#options = options;
    this.#streams = new Streams(options.restMs);
  }

  /** Remembers what a page that is being sent shows. @returns the id under which it opens its stream */
  remember(principal: string, entries: Entry[]): string {
    const id = randomUUID();
    const oldest = this.#screens.keys().next();
    if (this.#screens.size >= maxScreens && !oldest.done) this.#screens.delete(oldest.value);
    this.#screens.set(id, { principal, shown: this.#hashes(entries) });
    return id;
  }

  /** Looks again for this person's pages, or for all of them when `principal` is empty. */
  wake(principal: string): void {
    this.#streams.wake(principal);
  }

  /** Ends every stream; browsers come back by themselves. */
  stop(): void {
    this.#streams.stop();
  }

  /**
   * Serves one stream until the page goes away or `valid` says that its session ended.
   * @param pageId what `remember` returned for this page
   * @param load what the page shows
   */
  async serve(
    principal: string,
    pageId: string,
    response: Response,
    valid: () => Promise<boolean>,
    load: () => Promise<Entry[]>,
  ): Promise<void> {
    const { busyMs = 1500, idleMs = 20_000, isBusy } = this.#options;
    const remembered = this.#screens.get(pageId);
    const screen: Screen = remembered?.principal === principal ? remembered : { principal, shown: null };
    await this.#streams.serve(principal, response, valid, async () => {
      const entries = await load();
      const html = screen.shown === null ? this.#whole(entries) : this.#difference(entries, screen.shown);
      screen.shown = this.#hashes(entries);
      return { html, nextMs: isBusy(entries) ? busyMs : idleMs };
    });
  }

  #whole(entries: Entry[]): string {
    const { list, render } = this.#options;
    const [apart, listed] = [true, false].map((side) =>
      entries.filter((entry) => (entry.apart ?? false) === side),
    );
    const items = listed?.map((entry) => render(entry, null)).join('');
    return `<ol id="${list}" hx-swap-oob="innerHTML">${items}</ol>${apart?.map((entry) => render(entry, 'outerHTML')).join('')}`;
  }

  #difference(entries: Entry[], shown: Map<string, string>): string {
    const { list, grows, render } = this.#options;
    return entries
      .map((entry) => {
        const before = shown.get(entry.id);
        if (before === undefined) return `<ol hx-swap-oob="${grows}:#${list}">${render(entry, null)}</ol>`;
        return before === this.#hash(entry) ? '' : render(entry, 'outerHTML');
      })
      .join('');
  }

  #hashes(entries: Entry[]): Map<string, string> {
    return new Map(entries.map((entry) => [entry.id, this.#hash(entry)]));
  }

  #hash(entry: Entry): string {
    return createHash('sha256').update(JSON.stringify(entry)).digest('base64url');
  }
}
