import type { Waiting } from './launch.ts';

/** How long the run that took a container has the machine for itself; starting another takes both processors. */
const settleMs = 100;

/** Containers of one image and posture that wait for a job. */
export class WarmPool {
  readonly #launch: () => Promise<Waiting>;
  readonly #retire: (waiting: Waiting) => void;
  readonly #failed: (error: unknown) => void;
  readonly #max: number;
  readonly #idle: NodeJS.Timeout | undefined;
  #waiting: Waiting[] = [];
  #target: number;
  #filling: Promise<void> | undefined;
  #asked = false;
  #stopped = false;

  /**
   * @param max containers that wait at most; 0 for none
   * @param idleMs a span without a run after which half of them are given up
   */
  constructor(options: {
    launch: () => Promise<Waiting>;
    retire: (waiting: Waiting) => void;
    failed: (error: unknown) => void;
    max: number;
    idleMs: number;
  }) {
    this.#launch = options.launch;
    this.#retire = options.retire;
    this.#failed = options.failed;
    this.#max = options.max;
    this.#target = Math.min(1, options.max);
    this.#idle = setInterval(() => this.#shrink(), options.idleMs).unref();
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** @returns a container, for this caller alone; undefined where none waits, and then more will */
  take(): Waiting | undefined {
    this.#asked = true;
    let taken = this.#waiting.shift();
    while (taken?.isOver()) {
      this.#retire(taken);
      taken = this.#waiting.shift();
    }
    if (!taken) this.#target = Math.min(this.#max, this.#target + 1);
    setTimeout(() => this.fill(), settleMs).unref();
    return taken;
  }

  /** Starts what is missing, one after the other, in the background. */
  fill(): void {
    if (this.#stopped) return;
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
  }

  /** Gives up all of them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#idle);
    await this.#filling;
    for (const one of this.#waiting.splice(0)) this.#retire(one);
  }

  async #fill(): Promise<void> {
    while (!this.#stopped && this.#waiting.length < this.#target) {
      try {
        const one = await this.#launch();
        this.#waiting.push(one);
        if (!one.isOver()) continue;
        throw new Error('a container ended before it was ready');
      } catch (error) {
        // The next run tries again.
        return this.#failed(error);
      }
    }
  }

  #shrink(): void {
    if (!this.#asked) {
      this.#target = Math.floor(this.#target / 2);
      for (const one of this.#waiting.splice(this.#target)) this.#retire(one);
    }
    this.#asked = false;
  }
}
