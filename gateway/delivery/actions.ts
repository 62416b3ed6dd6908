import type { Outgoing, Route } from '../channels/index.ts';
import { transaction } from '../db/index.ts';
import type { Envelope } from '../envelope/index.ts';
import type { Identity } from '../sessions/index.ts';
import { Loop } from './loop.ts';
import { post } from './outbox.ts';
import type { Queue } from './queue.ts';
import { texts } from './texts.ts';
import type { Cancel, Click, DeliveryDeps } from './types.ts';

/** Alone, it ends what is under way; a workflow gets it where nothing is, to withdraw what waits for people. */
export const cancelCommand = 'cancel';

interface Stored {
  id: string;
  channel: string;
  session_key: string;
  principal: string;
  reply_route: Route | null;
  envelope: Envelope | null;
  late: boolean;
}

/** The account that clicked, as its channel proved it when the click was stored. */
function identityOf({ data: { channel, sender } }: Envelope): Identity {
  return { channel: channel.kind, account: channel.account, id: sender.nativeId };
}

/**
 * Gives stored clicks and `/cancel` to their handlers, and the answer to whoever sent it. Each is stored before it is handled
 * and closed with its answer in one transaction, so that a crash between makes it handled again, never lost.
 */
export class Actions {
  readonly loop: Loop;
  readonly #deps: Pick<DeliveryDeps, 'pool' | 'log'>;
  #handler: ((click: Click) => Promise<Outgoing | null>) | undefined;
  #cancel: ((cancel: Cancel) => Promise<Outgoing | null>) | undefined;
  readonly #queue: Pick<Queue, 'append'>;

  constructor(deps: Pick<DeliveryDeps, 'pool' | 'log'>, queue: Pick<Queue, 'append'>) {
    this.#deps = deps;
    this.#queue = queue;
    this.loop = new Loop(() => this.#pass(), 2000, deps.log);
  }

  handleWith(handler: (click: Click) => Promise<Outgoing | null>): void {
    this.#handler = handler;
    this.loop.wake();
  }

  cancelWith(handler: (cancel: Cancel) => Promise<Outgoing | null>): void {
    this.#cancel = handler;
    this.loop.wake();
  }

  async #pass(): Promise<void> {
    if (!this.#handler && !this.#cancel) return;
    const { rows } = await this.#deps.pool.query<Stored>(
      `select id, channel, session_key, principal, reply_route, envelope,
         received_at < now() - interval '2 minutes' as late
       from messages where state = 'queued'
         and (event = 'action' or (event = 'command' and envelope #>> '{data,content,command,name}' = $1
           and envelope #>> '{data,content,command,words}' = '[]'))
       order by received_at limit 50`,
      [cancelCommand],
    );
    await Promise.all(rows.map((row) => this.#handle(row)));
    if (rows.length === 50) this.loop.wake();
  }

  async #handle(stored: Stored): Promise<void> {
    try {
      const answer = await this.#answerTo(stored);
      if (answer === null && stored.envelope?.data.content.command) await this.#handOn(stored);
      else await this.#close(stored, answer);
    } catch (error) {
      this.#deps.log.warn({ err: error, message: stored.id }, 'a click or command could not be handled');
      // An outage is waited out for a while; what still fails then is closed with a word to its sender.
      if (stored.late) await this.#close(stored, texts.clickFailed());
    }
  }

  async #answerTo(stored: Stored): Promise<Outgoing | null> {
    const { id: messageId, principal, channel, session_key: sessionKey, envelope } = stored;
    const { action, command } = envelope?.data.content ?? {};
    if (envelope && action && this.#handler)
      return this.#handler({ ...action, principal, channel, messageId, identity: identityOf(envelope) });
    if (command && this.#cancel) return this.#cancel({ principal, sessionKey, messageId });
    return texts.clickFailed();
  }

  /** Gives a command its turn. It is `limited` until then, which tells it from one that was not looked at yet. */
  async #handOn({ id, session_key: session }: Stored): Promise<void> {
    await transaction(this.#deps.pool, async (tx) => {
      const { rowCount } = await tx.query(
        `update messages set state = 'limited' where id = $1 and state = 'queued'`,
        [id],
      );
      if (rowCount !== 1) return;
      await this.#queue.append(tx, [{ message: id, session }]);
      await tx.query(`select pg_notify('delivery_queue', '')`);
    });
  }

  async #close(stored: Stored, answer: Outgoing | null): Promise<void> {
    await transaction(this.#deps.pool, async (tx) => {
      const { rowCount } = await tx.query(
        `update messages set state = 'handled', finished_at = now() where id = $1 and state = 'queued'`,
        [stored.id],
      );
      if (rowCount !== 1 || !answer || !stored.reply_route) return;
      await post(tx, [
        {
          id: `click:${stored.id}`,
          messageId: stored.id,
          session: stored.session_key,
          principal: stored.principal,
          channel: stored.channel,
          route: stored.reply_route,
          card: null,
          body: answer,
        },
      ]);
    });
  }
}
