import type { Outgoing, Route } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import { Loop, settledWithin } from './loop.ts';
import type { Answer, DeliveryDeps, Reply } from './types.ts';

/** Begins the id of what was posted by itself, and is no answer to anybody. */
export const postPrefix = 'post:';

/** One text on its way to one conversation. */
export interface Parcel {
  id: string;
  messageId: string | null;
  session: string;
  principal: string | null;
  channel: string;
  route: Route;
  card: string | null;
  body: Outgoing;
}

interface Claimed {
  id: string;
  channel: string;
  route: Route;
  body: Outgoing | null;
  attempts: number;
  previous: string | null;
}

const maxAttempts = 12;
const sendTimeoutMs = 20_000;
const atOnce = 8;
/** Channels whose outbox row is the message itself: the web page reads it, an n8n trigger has nobody to tell. */
const stored = ['web', 'n8n', 'automation'];

/** Wakes who shows a parcel, or sends it. */
const told = `case when channel = 'web' then pg_notify('web_reply', coalesce(principal, ''))
       else pg_notify('delivery_outbox', '') end::text`;

/** Puts parcels into the outbox, in order. @returns the ids that were not there before */
export async function post(tx: Queryable, parcels: readonly Parcel[]): Promise<Set<string>> {
  if (parcels.length === 0) return new Set();
  const { rows } = await tx.query<{ id: string }>({
    name: 'delivery-outbox',
    text: `with posted as (
       insert into outbox (id, message_id, session_key, principal, channel, route, card, body, state, sent_at)
       select id, message_id, session_key, principal, channel, route, card, body,
         case when channel = any($9) then 'sent' else 'queued' end, case when channel = any($9) then now() end
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::jsonb[])
         as parcel (id, message_id, session_key, principal, channel, route, card, body)
       on conflict (id) do nothing returning id, ${told} as told
     )
     select id, told from posted`,
    values: [
      parcels.map((parcel) => parcel.id),
      parcels.map((parcel) => parcel.messageId),
      parcels.map((parcel) => parcel.session),
      parcels.map((parcel) => parcel.principal),
      parcels.map((parcel) => parcel.channel),
      parcels.map((parcel) => JSON.stringify(parcel.route)),
      parcels.map((parcel) => parcel.card),
      parcels.map((parcel) => storable(parcel.body)),
      stored,
    ],
  });
  return new Set(rows.map((row) => row.id));
}

/** Puts a text into the outbox as an answer to a message: `$1` is its id, `$2` the message, `$3` its body, `$4` `stored`. */
const answering = `insert into outbox (id, message_id, session_key, principal, channel, route, card, body, state, sent_at)
  select $1, id, session_key, principal, channel, coalesce(reply_route, '{}'), id, $3,
    case when channel = any($4) then 'sent' else 'queued' end, case when channel = any($4) then now() end
  from messages where id = $2`;

/**
 * Puts a reply into the outbox. Where it goes is looked up with its message, in the same statement.
 * @returns the channel that it goes to, and whether the reply was not there before
 * @throws GatehouseError `GH-DELIVERY-008` for an unknown message
 */
export async function postReply(
  tx: Queryable,
  { id, messageId, body }: Pick<Reply, 'id' | 'messageId' | 'body'>,
): Promise<{ channel: string; fresh: boolean }> {
  const { rows } = await tx.query<{ channel: string; fresh: boolean }>({
    name: 'delivery-reply',
    text: `with posted as (${answering} on conflict (id) do nothing returning ${told} as told)
     select channel, posted.told is not null as fresh from messages left join posted on true where messages.id = $2`,
    values: [id, messageId, storable(body), stored],
  });
  const [row] = rows;
  if (!row) {
    throw new GatehouseError('GH-DELIVERY-008', 'The message to reply to is unknown.', { status: 404 });
  }
  return row;
}

/** Puts the answer of a run into the outbox; the transaction fails where one with its id is there already. */
export function postAnswer(tx: Transaction, { id, messageId, body }: Answer): void {
  tx.send({
    name: 'delivery-answer',
    text: `with posted as (${answering} returning ${told} as told) select 1 / count(told)::int from posted`,
    values: [id, messageId, storable(body), stored],
  });
}

/** Shows how far a run is on the message that answers its own. @returns false where that is not to be edited now */
export async function showProgress(
  tx: Queryable,
  { runId, id, body, last }: { runId: string; id: string; body: Outgoing; last: boolean },
): Promise<boolean> {
  const { rows } = await tx.query<{ message_id: string }>({
    name: 'delivery-progress',
    text: `select m.id as message_id from runs r join messages m on m.id = r.message_id
      where r.id = $1 and m.state in ('running', 'waiting') and m.channel not in ('n8n', 'automation')
        and ($2 or not exists (select from outbox o where o.card = m.id and o.state = 'queued'))`,
    values: [runId, last],
  });
  const [row] = rows;
  return row !== undefined && (await postReply(tx, { id, messageId: row.message_id, body })).fresh;
}

/**
 * Makes a reply a message of its own where another one has ended the run: of several calls in one run, the outcome of one
 * does not take the place of another's. A run that ended in this transaction was ended by this reply.
 */
export function besideTheAnswer(tx: Transaction, id: string): void {
  tx.send({
    name: 'delivery-beside',
    text: `update outbox set card = id where id = $1 and exists
       (select from runs where message_id = outbox.message_id and state = 'done' and finished_at <> now())`,
    values: [id],
  });
}

// A tool's answer may hold what Postgres cannot store; the reader loses nothing by losing it.
function storable(body: Outgoing): string {
  return JSON.stringify(body, (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value,
  );
}

/**
 * Sends the outbox through the channels: strictly in order within a session, several sessions at once. A parcel that
 * cannot be sent is tried again with backoff and at last declared dead, so that those behind it go on.
 */
export class Outbox {
  readonly loop: Loop;
  readonly #deps: Pick<DeliveryDeps, 'pool' | 'adapters' | 'log'>;
  readonly #sending = new Set<Promise<void>>();

  constructor(deps: Pick<DeliveryDeps, 'pool' | 'adapters' | 'log'>) {
    this.#deps = deps;
    this.loop = new Loop(() => this.#pass(), 1000, deps.log);
  }

  async stop(): Promise<void> {
    await this.loop.stop();
    await settledWithin(this.#sending, 3000);
  }

  async #pass(): Promise<void> {
    const free = atOnce - this.#sending.size;
    if (free <= 0) return;
    for (const parcel of await this.#claim(free)) {
      const sending = this.#send(parcel).finally(() => {
        this.#sending.delete(sending);
        this.loop.wake();
      });
      this.#sending.add(sending);
    }
  }

  async #claim(most: number): Promise<Claimed[]> {
    const { rows } = await this.#deps.pool.query<Claimed>({
      name: 'delivery-parcels',
      text: `with heads as (
         select distinct on (session_key) id, seq, next_at, claimed_until from outbox
         where state = 'queued' order by session_key, seq
       ), due as (
         select id from heads where next_at <= now() and (claimed_until is null or claimed_until < now())
         order by seq limit $1
       )
       update outbox o set claimed_until = now() + interval '30 s', attempts = attempts + 1 from due
       where o.id = due.id and o.state = 'queued' and (o.claimed_until is null or o.claimed_until < now())
       returning o.id, o.channel, o.route, o.body, o.attempts,
         (select p.native_id from outbox p where p.card = o.card and p.session_key = o.session_key
          and p.seq < o.seq and p.native_id is not null order by p.seq desc limit 1) as previous`,
      values: [most],
    });
    return rows;
  }

  async #send(parcel: Claimed): Promise<void> {
    try {
      const nativeId = await this.#throughChannel(parcel);
      await this.#deps.pool.query(
        `update outbox set state = 'sent', sent_at = now(), native_id = $2, problem = null where id = $1`,
        [parcel.id, nativeId],
      );
    } catch (error) {
      await this.#failed(parcel, error).catch((again: unknown) => {
        // The claim runs out by itself, and the parcel is taken again.
        this.#deps.log.warn({ err: again, parcel: parcel.id }, 'a reply could not be put back');
      });
    }
  }

  async #throughChannel(parcel: Claimed): Promise<string> {
    const adapter = this.#deps.adapters.get(parcel.channel);
    if (!adapter) throw gone(`The channel ${parcel.channel} is switched off.`);
    if (!parcel.body) throw gone('The text is past its retention.');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${sendTimeoutMs} ms`)), sendTimeoutMs);
    });
    try {
      const sent = await Promise.race([adapter.send(parcel.route, parcel.body, parcel.previous), late]);
      return sent.nativeId;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nobody reads along where a message of our own should have arrived, so whoever asked for it is told. */
  async #undeliverable({ id, channel }: Claimed, problem: string): Promise<void> {
    await this.#deps.pool.query(
      `insert into outbox (id, message_id, session_key, principal, channel, route, body, state, sent_at)
       select $1 || ':undelivered', m.id, m.session_key, m.principal, m.channel, coalesce(m.reply_route, '{}'), $2,
         case when m.channel = any($3) then 'sent' else 'queued' end, case when m.channel = any($3) then now() end
       from outbox p join messages m on m.id = p.message_id where p.id = $1
       on conflict (id) do nothing`,
      [
        id,
        storable({ text: `A message into ${channel} could not be delivered. ${problem}`, tone: 'failed' }),
        stored,
      ],
    );
  }

  async #failed(parcel: Claimed, error: unknown): Promise<void> {
    const known = error instanceof GatehouseError ? error : undefined;
    const hopeless = known !== undefined && known.status < 500 && known.status !== 429;
    const dead = hopeless || parcel.attempts >= maxAttempts;
    const seconds = known?.retryAfter ?? Math.min(300, 2 ** (parcel.attempts - 1));
    const problem = (error instanceof Error ? error.message : String(error)).slice(0, 500);
    await this.#deps.pool.query(
      `update outbox set state = $2, problem = $3, claimed_until = null, next_at = now() + $4 * interval '1 s' where id = $1`,
      [parcel.id, dead ? 'dead' : 'queued', problem, seconds],
    );
    const said = { parcel: parcel.id, channel: parcel.channel, attempts: parcel.attempts, problem };
    if (dead && parcel.id.startsWith(postPrefix)) await this.#undeliverable(parcel, problem);
    if (dead) this.#deps.log.error(said, 'a reply could not be delivered and is given up');
    else this.#deps.log.warn(said, 'a reply could not be delivered yet');
  }
}

function gone(message: string): GatehouseError {
  return new GatehouseError('GH-DELIVERY-005', message, { status: 410 });
}
