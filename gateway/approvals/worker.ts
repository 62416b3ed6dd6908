import type { Logger } from '../config/index.ts';

/** Repeats a job, one turn at a time: after the pause that the job names, or at once when woken. */
export class Worker {
  readonly #job: () => Promise<number>;
  readonly #afterFailure: number;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  #running = false;

  /**
   * @param job does one turn and returns milliseconds until the next
   * @param afterFailure milliseconds after a turn that threw; the database being away is no reason to end
   */
  constructor(job: () => Promise<number>, afterFailure: number, log: Logger) {
    this.#job = job;
    this.#afterFailure = afterFailure;
    this.#log = log;
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  wake(): void {
    if (!this.#running) return;
    this.#again = true;
    this.#turn ??= this.#turns().finally(() => {
      this.#turn = undefined;
      if (this.#again) this.wake();
    });
  }

  /** Ends after the turn that is under way. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#again = false;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  async #turns(): Promise<void> {
    clearTimeout(this.#timer);
    let pause = this.#afterFailure;
    while (this.#again && this.#running) {
      this.#again = false;
      try {
        pause = await this.#job();
      } catch (error) {
        this.#log.error({ err: error }, 'approvals could not be worked on');
        pause = this.#afterFailure;
      }
    }
    if (this.#running) this.#timer = setTimeout(() => this.wake(), Math.max(10, pause));
  }
}
