/**
 * Group commit: many callers, one transaction. Items that arrive while a flush is under way wait and go together in
 * the next one, so that a burst costs few fsyncs and a lone item does not wait at all. One flush runs at a time: it keeps
 * items in their order of arrival, and makes batches that are worth their round trips.
 */
export class GroupCommit<Item, Result> {
  readonly #flush: (items: Item[]) => Promise<Result[]>;
  readonly #limit: number;
  #waiting: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  #running = false;

  /**
   * @param flush writes all items in one transaction and returns one result an item, in their order; when it
   *   throws, every caller of that batch gets the error
   * @param options.limit most items of one batch
   */
  constructor(flush: (items: Item[]) => Promise<Result[]>, options: { limit?: number } = {}) {
    this.#flush = flush;
    this.#limit = options.limit ?? 200;
  }

  /** Adds an item. @returns its result once its transaction is committed */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
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
    this.#running = false;
  }
}
