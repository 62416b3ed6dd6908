import pg from 'pg';
import { processName } from './pool.ts';

/**
 * Postgres LISTEN/NOTIFY as wake-up calls. A signal is a hint, never the data: who is woken looks at its table, and
 * also looks by itself now and then, so that a lost signal costs time and nothing else.
 */
export class Signals {
  readonly #url: string;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  #client: pg.Client | undefined;
  #stopped = false;

  /** @param url the same Postgres as the pool's; one connection of its own is held */
  constructor(url: string) {
    this.#url = url;
  }

  /** Calls `handler` at each signal on `channel` (`[a-z_]+`). @returns how to stop listening */
  on(channel: string, handler: (payload: string) => void): () => void {
    let handlers = this.#handlers.get(channel);
    if (!handlers) {
      handlers = new Set();
      this.#handlers.set(channel, handlers);
      void this.#client?.query(`listen ${channel}`).catch(() => undefined);
    }
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  /** Connects, and connects again a second after each loss, until `stop`. After a reconnect every handler is woken. */
  async start(): Promise<void> {
    if (this.#stopped) return;
    // The one connection that a gateway always holds, so it also says that the process lives.
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: processName,
      pipeline: true,
    });
    client.on('notification', (message) => {
      for (const handler of this.#handlers.get(message.channel) ?? []) handler(message.payload ?? '');
    });
    const again = (): void => {
      if (this.#client === client) this.#client = undefined;
      if (!this.#stopped) setTimeout(() => void this.start(), 1000).unref();
    };
    // A dying server is heard twice: its last word, then the end of the connection.
    client.on('error', () => void client.end().catch(() => undefined));
    client.once('end', again);
    try {
      await client.connect();
      for (const channel of this.#handlers.keys()) await client.query(`listen ${channel}`);
      this.#client = client;
      for (const handlers of this.#handlers.values()) for (const handler of handlers) handler('');
    } catch {
      await client.end().catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#client?.end().catch(() => undefined);
  }
}
