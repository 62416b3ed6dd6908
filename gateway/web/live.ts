import { createHash, randomUUID } from 'node:crypto';
import type { Response } from 'express';
import type { Entry } from './history.ts';
import { Streams } from './streams.ts';

/** What a page on some screen shows now: the hash of each entry by its DOM id. */
interface Screen {
  principal: string;
  /** Null until the first look of a page that is not remembered. */
  shown: Map<string, string> | null;
}

interface LiveOptions {
  load(principal: string): Promise<Entry[]>;
  render(entry: Entry, swap: string | null): string;
  /** Milliseconds between looks while something is under way, and while nothing is. */
  busyMs?: number;
  idleMs?: number;
}

const maxScreens = 2000;

/**
 * Keeps open chat pages up to date over server-sent events. The server remembers what each page shows and sends only
 * what changed, as htmx out-of-band fragments; a page it does not remember (a restart) gets the whole history once.
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #screens = new Map<string, Screen>();
  readonly #streams = new Streams();

  constructor(options: LiveOptions) {
    this.#options = options;
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
   */
  async serve(
    principal: string,
    pageId: string,
    response: Response,
    valid: () => Promise<boolean>,
  ): Promise<void> {
    const { busyMs = 1500, idleMs = 20_000 } = this.#options;
    const remembered = this.#screens.get(pageId);
    const screen: Screen = remembered?.principal === principal ? remembered : { principal, shown: null };
    await this.#streams.serve(principal, response, valid, async () => {
      const entries = await this.#options.load(principal);
      const html = screen.shown === null ? this.#whole(entries) : this.#difference(entries, screen.shown);
      screen.shown = this.#hashes(entries);
      const busy = entries.some((entry) => entry.status === 'received' || entry.status === 'deciding');
      return { html, nextMs: busy ? busyMs : idleMs };
    });
  }

  #whole(entries: Entry[]): string {
    const items = entries.map((entry) => this.#options.render(entry, null)).join('');
    return `<ol id="history" hx-swap-oob="innerHTML">${items}</ol>`;
  }

  #difference(entries: Entry[], shown: Map<string, string>): string {
    return entries
      .map((entry) => {
        const before = shown.get(entry.id);
        if (before === undefined)
          return `<ol hx-swap-oob="beforeend:#history">${this.#options.render(entry, null)}</ol>`;
        return before === this.#hash(entry) ? '' : this.#options.render(entry, 'outerHTML');
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
