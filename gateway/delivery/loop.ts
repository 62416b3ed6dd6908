import type { Logger } from '../config/index.ts';

/**
 * Runs `work` whenever it is woken and also every `pollMs`, never twice at once. A wake during a pass makes one more
 * pass, so that nothing which arrived meanwhile is missed.
 */
export class Loop {
  readonly #work: () => Promise<void>;
  readonly #pollMs: number;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #started = false;

  constructor(work: () => Promise<void>, pollMs: number, log: Logger) {
    this.#work = work;
    this.#pollMs = pollMs;
    this.#log = log;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  wake(): void {
    if (!this.#started) return;
    if (this.#running) this.#again = true;
    else this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#started = false;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    do {
      this.#again = false;
      try {
        await this.#work();
      } catch (error) {
        // An outage of Postgres lands here; the poll is the retry.
        this.#log.warn({ err: error }, 'a delivery pass failed and will be tried again');
      }
    } while (this.#again && this.#started);
    this.#running = undefined;
    if (this.#started) this.#timer = setTimeout(() => this.wake(), this.#pollMs);
  }
}

/** Waits for what is under way, but not for longer than `ms`: leases and claims take care of the rest. */
export async function settledWithin(work: Iterable<Promise<unknown>>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([Promise.allSettled(work), late]);
  clearTimeout(timer);
}
