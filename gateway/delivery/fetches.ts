import {
  contentFlaw,
  attachmentBounds,
  type AttachmentFlaw,
  type FileSource,
  type Route,
} from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction } from '../db/index.ts';
import { digestOfText } from '../envelope/index.ts';
import { keptOf, mostKept } from './attachments.ts';
import { Loop } from './loop.ts';
import { post } from './outbox.ts';
import { texts } from './texts.ts';
import type { DeliveryDeps } from './types.ts';

interface Claimed {
  id: string;
  name: string;
  bytes: number;
  principal: string;
  nativeId: string | null;
  source: FileSource;
  attempts: number;
  channel: string;
  session: string;
  route: Route | null;
}

const pollMs = 5000;
const atOnce = 4;
/** The pauses between them double, so that the last is a quarter of an hour after the first. */
const maxAttempts = 10;

/**
 * Fetches the files of vendors' messages, after these are stored and acknowledged. Postgres says what is due, so that a gateway that
 * dies loses nothing; what was deleted with its text meanwhile is not stored again.
 */
export class Fetches {
  readonly loop: Loop;
  readonly #deps: Pick<DeliveryDeps, 'pool' | 'adapters' | 'log'>;

  constructor(deps: Pick<DeliveryDeps, 'pool' | 'adapters' | 'log'>) {
    this.#deps = deps;
    this.loop = new Loop(() => this.#pass(), pollMs, deps.log);
  }

  async #pass(): Promise<void> {
    for (;;) {
      const claimed = await this.#claim();
      if (claimed.length === 0) return;
      await Promise.all(claimed.map((file) => this.#fetch(file)));
    }
  }

  /** Takes some of what is due. Whoever dies over one leaves it due again after two minutes. */
  async #claim(): Promise<Claimed[]> {
    const { rows } = await this.#deps.pool.query<Claimed>({
      name: 'claim-attachments',
      text: `update attachments a set attempts = a.attempts + 1, due_at = now() + interval '2 minutes'
        from (select id from attachments where due_at <= now() order by due_at limit $1 for update skip locked) due, messages m
        where a.id = due.id and m.id = a.message_id
        returning a.id, a.name, a.bytes, a.principal, a.native_id as "nativeId", a.source, a.attempts, m.channel, m.session_key as session,
          m.reply_route as route`,
      values: [atOnce],
    });
    return rows;
  }

  async #fetch(file: Claimed): Promise<void> {
    const { adapters, log } = this.#deps;
    try {
      const got =
        (await this.#known(file)) ??
        (await adapters
          .get(file.channel)
          // What is larger than it was said to be is not taken: the bound of its message counted that.
          ?.fetchFile?.(file.source, file.bytes || attachmentBounds.bytes));
      if (got === undefined) return await this.#later(file);
      if ('flaw' in got) return await this.#give(file, got.flaw);
      const flaw =
        contentFlaw(file.name, got.content) ?? ((await this.#isTooMuch(file, got.content)) ? 'quota' : null);
      await (flaw === null ? this.#keep(file, got.content) : this.#give(file, flaw));
    } catch (error) {
      // Its text could say where the file is, which can hold a token.
      const { code, retryAfter } = error instanceof GatehouseError ? error : {};
      log.warn({ channel: file.channel, attachment: file.id, code }, 'a file could not be fetched');
      await this.#later(file, retryAfter);
    }
  }

  /** The same file as it was fetched for an earlier message of the conversation, such as one that was edited since. */
  async #known({ id, name, bytes, nativeId }: Claimed): Promise<{ content: Buffer } | undefined> {
    if (nativeId === null) return undefined;
    const { rows } = await this.#deps.pool.query<{ content: Buffer }>({
      name: 'known-attachment',
      text: `select e.content from attachments a join attachments e
          on e.session_key = a.session_key and e.principal = a.principal and e.native_id = a.native_id
        where a.id = $1 and e.name = $2 and (e.bytes = $3 or $3 = 0) and e.content is not null limit 1`,
      values: [id, name, bytes],
    });
    return rows[0];
  }

  async #isTooMuch({ principal }: Claimed, content: Buffer): Promise<boolean> {
    return (await keptOf(this.#deps.pool, principal)) + content.byteLength > mostKept;
  }

  async #keep({ id }: Claimed, content: Buffer): Promise<void> {
    await this.#deps.pool.query(
      `update attachments set content = $2, sha256 = $3, bytes = $4, source = null, due_at = null
       where id = $1 and due_at is not null`,
      [id, content, digestOfText(content), content.byteLength],
    );
  }

  async #later(file: Claimed, seconds = 2 ** file.attempts): Promise<void> {
    if (file.attempts >= maxAttempts) return this.#give(file, 'unreachable');
    await this.#deps.pool.query(
      `update attachments set due_at = now() + $2 * interval '1 second' where id = $1 and due_at is not null`,
      [file.id, Math.min(seconds, 600)],
    );
  }

  /** Gives a file up, and tells its sender. */
  async #give(
    { id, name, session, principal, channel, route }: Claimed,
    flaw: AttachmentFlaw,
  ): Promise<void> {
    this.#deps.log.warn({ channel, attachment: id, flaw }, 'a file cannot be had');
    await transaction(this.#deps.pool, async (tx) => {
      const { rowCount } = await tx.query(
        'update attachments set flaw = $2, source = null, due_at = null where id = $1 and due_at is not null',
        [id, flaw],
      );
      if (rowCount !== 1 || route === null) return;
      const body = texts.files([{ name, flaw }]);
      await post(tx, [
        { id: `file:${id}`, messageId: null, session, principal, channel, route, card: null, body },
      ]);
    });
  }
}
