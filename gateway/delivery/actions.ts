import type { Outgoing, Route } from '../channels/index.ts';
import { transaction } from '../db/index.ts';
import type { Envelope } from '../envelope/index.ts';
import type { Identity } from '../sessions/index.ts';
import { Loop } from './loop.ts';
import { post } from './outbox.ts';
import { texts } from './texts.ts';
import type { Click, DeliveryDeps } from './types.ts';

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
 * Gives stored clicks to their handler, and its answer to the clicker. A click is stored before it is handled and
 * closed with its answer in one transaction, so that a crash between makes it handled again, never lost.
 */
export class Actions {
  readonly loop: Loop;
  readonly #deps: Pick<DeliveryDeps, 'pool' | 'log'>;
  #handler: ((click: Click) => Promise<Outgoing | null>) | undefined;

  constructor(deps: Pick<DeliveryDeps, 'pool' | 'log'>) {
    this.#deps = deps;
    this.loop = new Loop(() => this.#pass(), 2000, deps.log);
  }

  handleWith(handler: (click: Click) => Promise<Outgoing | null>): void {
    this.#handler = handler;
    this.loop.wake();
  }

  async #pass(): Promise<void> {
    if (!this.#handler) return;
    const { rows } = await this.#deps.pool.query<Stored>(
      `select id, channel, session_key, principal, reply_route, envelope,
         received_at < now() - interval '2 minutes' as late
       from messages where event = 'action' and state = 'queued' order by received_at limit 50`,
    );
    await Promise.all(rows.map((row) => this.#handle(row)));
    if (rows.length === 50) this.loop.wake();
  }

  async #handle(stored: Stored): Promise<void> {
    const { envelope } = stored;
    const action = envelope?.data.content.action;
    let answer: Outgoing | null = texts.clickFailed();
    if (envelope && action && this.#handler) {
      const { id: messageId, principal, channel } = stored;
      try {
        answer = await this.#handler({
          ...action,
          principal,
          channel,
          messageId,
          identity: identityOf(envelope),
        });
      } catch (error) {
        this.#deps.log.warn({ err: error, message: messageId }, 'a click could not be handled');
        // An outage is waited out for a while; a click that still fails then is closed with a word to the clicker.
        if (!stored.late) return;
      }
    }
    await this.#close(stored, answer);
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
