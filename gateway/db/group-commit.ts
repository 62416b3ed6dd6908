/**
 * Group commit: many callers, one transaction. Items that arrive while a flush is under way wait and go together in
 * the next one, so that a burst costs few fsyncs and a lone item does not wait at all. By default one flush runs at a
 * time, which also keeps items in their order of arrival.
 */
export class GroupCommit<Item, Result> {
  readonly #flush: (items: Item[]) => Promise<Result[]>;
  readonly #limit: number;
  #waiting: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  readonly #lanes: number;
  #running = 0;

  /**
   * @param flush writes all items in one transaction and returns one result an item, in their order; when it
   *   throws, every caller of that batch gets the error
   * @param options.limit most items of one batch
   * @param options.lanes flushes at once, for items whose order does not matter: while one waits for its fsync, the
   *   next is written
   */
  constructor(flush: (items: Item[]) => Promise<Result[]>, options: { limit?: number; lanes?: number } = {}) {
    this.#flush = flush;
    this.#limit = options.limit ?? 200;
    this.#lanes = options.lanes ?? 1;
  }

  /** Adds an item. @returns its result once its transaction is committed */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#running < this.#lanes) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running += 1;
    // One turn of the event loop lets requests that were already read from their sockets join the batch.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#limit);
      try {
        const results = await this.#flush(batch.map((entry) => entry.item));
        batch.forEach((entry, index) => entry.resolve(results[index] as Result));
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    this.#running -= 1;
  }
}
