/** Lets a few tasks run at once and a few more wait for their turn; the rest are told at once. */
export class Turns {
  readonly #queue: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(parallel: number, queue: number) {
    this.#free = parallel;
    this.#queue = queue;
  }

  /** @returns what `task` gives, or what `refuse` gives where too many wait already */
  async run<T>(task: () => Promise<T>, refuse: () => T): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else if (this.#waiting.length >= this.#queue) return refuse();
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
