import type { Api } from 'grammy';

/** What the bot asks Telegram for; the same for polling and the webhook. */
export const allowedUpdates = ['message', 'edited_message', 'callback_query'] as const;

const waitSeconds = 25;

/**
 * Long polling. The offset, which tells Telegram to forget updates, moves only past what the sink has stored: after a
 * crash or an outage the same updates come again and are dropped as duplicates.
 * Source: https://core.telegram.org/bots/api#getupdates
 */
export class Polling {
  readonly #api: () => Promise<Api>;
  readonly #take: (update: unknown) => Promise<void>;
  readonly #onTrouble: (error: unknown) => void;
  readonly #abort = new AbortController();
  #offset: number | undefined;
  #loop: Promise<void> = Promise.resolve();

  /** @param take resolves once an update is stored; when it throws, the update is taken again later */
  constructor(
    api: () => Promise<Api>,
    take: (update: unknown) => Promise<void>,
    onTrouble: (error: unknown) => void,
  ) {
    this.#api = api;
    this.#take = take;
    this.#onTrouble = onTrouble;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted;) {
      try {
        const api = await this.#api();
        const updates: unknown[] = await api.raw.getUpdates(
          { offset: this.#offset, timeout: waitSeconds, limit: 100, allowed_updates: allowedUpdates },
          signal as never,
        );
        for (const update of updates) {
          await this.#take(update);
          const id = (update as { update_id?: unknown } | null)?.update_id;
          if (Number.isSafeInteger(id)) this.#offset = (id as number) + 1;
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.#onTrouble(error);
        await pause(Math.min(30_000, 500 * 2 ** failures), signal);
      }
    }
  }
}

/** Waits, or returns at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
