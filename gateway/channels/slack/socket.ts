import { SocketModeClient } from '@slack/socket-mode';
import type { Logger } from '../../config/index.ts';
import { quietly } from './client.ts';

/** Takes one frame that Slack wants acknowledged; the acknowledgement goes out when this resolves. */
export type FrameHandler = (frame: string) => Promise<void>;

/**
 * Slack's Socket Mode connection, with two differences: a frame is acknowledged only after it was stored, and its raw
 * text is ours to check before anything reads it (the client would throw on payloads of another shape).
 * It does not reconnect by itself: a failure of its own reconnect could not be caught.
 */
class FrameSocket extends SocketModeClient {
  readonly #handler: FrameHandler;

  constructor(options: ConstructorParameters<typeof SocketModeClient>[0] & object, handler: FrameHandler) {
    super(options);
    this.#handler = handler;
  }

  protected override async onWebSocketMessage(data: string | ArrayBuffer, isBinary: boolean): Promise<void> {
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
    const head = isBinary ? null : frameHead(text);
    if (head?.id === undefined) {
      // `hello` and `disconnect` carry no id.
      if (head?.type === 'hello' || head?.type === 'disconnect')
        await super.onWebSocketMessage(data, isBinary);
      return;
    }
    try {
      await this.#handler(text);
      // The client's own way to answer a frame; it is private only to its types.
      const acknowledge = this['send'] as (id: string) => Promise<void>;
      await acknowledge.call(this, head.id);
    } catch {
      // Not acknowledged: Slack sends it again. The handler has logged why.
    }
  }
}

function frameHead(text: string): { id: string | undefined; type: unknown } | null {
  try {
    const frame = JSON.parse(text) as { envelope_id?: unknown; type?: unknown } | null;
    const id = frame?.envelope_id;
    return { id: typeof id === 'string' && id.length <= 200 ? id : undefined, type: frame?.type };
  } catch {
    return null;
  }
}

interface Connection {
  ended: Promise<void>;
}

/** A connection that is kept up until `stop`. */
export class SocketMode {
  readonly #options: { apiUrl: string; appToken: () => Promise<string>; log: Logger; handler: FrameHandler };
  #socket: FrameSocket | undefined;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;

  constructor(options: {
    apiUrl: string;
    appToken: () => Promise<string>;
    log: Logger;
    handler: FrameHandler;
  }) {
    this.#options = options;
  }

  /**
   * Connects once, then keeps connected. An outage at the start is waited out.
   * @throws what Slack answers when it does not accept the app token
   */
  async start(isFatal: (error: unknown) => boolean): Promise<void> {
    let connection: Connection | undefined;
    try {
      connection = await this.#connect();
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#options.log.warn({ vendor: 'slack' }, 'Slack cannot be reached yet; trying again');
    }
    this.#loop = this.#keep(connection);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#close();
    await this.#loop;
  }

  async #keep(first: Connection | undefined): Promise<void> {
    let connection = first;
    let failures = first ? 0 : 1;
    while (!this.#stopped) {
      await connection?.ended;
      // Slack recycles connections every few hours: the first try is at once, further ones at growing distance.
      if (failures > 0) await this.#pause(Math.min(30_000, 500 * 2 ** failures));
      if (this.#stopped) return;
      try {
        connection = await this.#connect();
        failures = 0;
      } catch {
        connection = undefined;
        failures += 1;
      }
    }
  }

  async #connect(): Promise<Connection> {
    const { apiUrl, appToken, log, handler } = this.#options;
    const socket = new FrameSocket(
      {
        appToken: await appToken(),
        autoReconnectEnabled: false,
        logger: quietly(log),
        clientOptions: {
          slackApiUrl: apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/`,
          retryConfig: { retries: 0 },
          timeout: 10_000,
          rejectRateLimitedCalls: true,
        },
      },
      handler,
    );
    this.#socket = socket;
    await socket.start();
    return { ended: new Promise((resolve) => socket.once('disconnected', () => resolve())) };
  }

  async #close(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    const late = new Promise<void>((resolve) => setTimeout(resolve, 3000).unref());
    await Promise.race([socket.disconnect(), late]).catch(() => undefined);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
