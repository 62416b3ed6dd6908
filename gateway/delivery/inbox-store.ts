import type { DatabaseError, QueryConfig } from 'pg';
import { recordReceipts } from '../audit/index.ts';
import type { InboundAttachment, Outgoing, Route } from '../channels/index.ts';
import { transaction, type Pool, type Transaction } from '../db/index.ts';
import { storeAttachments } from './attachments.ts';
import { post, type Parcel } from './outbox.ts';
import type { Queue } from './queue.ts';
import type { Ingested } from './types.ts';

/** One message, ready to be stored with all that belongs to it. */
export interface Entry {
  id: string;
  channel: string;
  session: string;
  principal: string | null;
  event: string;
  state: 'queued' | 'limited' | 'handled' | 'refused' | 'dead';
  result: Ingested;
  envelope: string | null;
  raw: string | null;
  route: Route | null;
  problem: { code: string; reason: string; field?: string } | null;
  receivedAt: Date;
  facts: Record<string, string | null>;
  job: { startAfter: Date | undefined } | null;
  says: Outgoing | null;
  /** What came with it; kept where the text is. */
  attachments: readonly InboundAttachment[];
  /** Its row of `messages` as JSON, where that was made ahead: see {@link rowOf}. */
  row?: string;
}

/**
 * Stores, attests and queues a batch in one transaction.
 * @returns for each entry whether it was new
 */
export async function storeEntries(pool: Pool, queue: Queue, entries: readonly Entry[]): Promise<boolean[]> {
  try {
    return await storeFresh(pool, queue, entries);
  } catch (error) {
    const { code, constraint } = error as DatabaseError;
    // 23505: unique_violation.
    if (code !== '23505' || constraint !== 'messages_pkey') throw error;
    return storeUnknown(pool, queue, entries);
  }
}

/** Most batches repeat nothing, and go to Postgres in one go: where an id is known, it refuses all of them. */
function storeFresh(pool: Pool, queue: Queue, entries: readonly Entry[]): Promise<boolean[]> {
  return transaction(pool, async (tx) => {
    tx.send(insertion('delivery-messages', entries));
    await attestAndQueue(tx, queue, entries);
    return entries.map(() => true);
  });
}

/** Leaves out what is known. */
function storeUnknown(pool: Pool, queue: Queue, entries: readonly Entry[]): Promise<boolean[]> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      insertion('delivery-unknown-messages', entries, 'on conflict (id) do nothing returning id'),
    );
    const fresh = new Set(rows.map((row) => row.id));
    // `delete` makes the second of two same ids in one batch the duplicate.
    const results = entries.map((entry) => fresh.delete(entry.id));
    const stored = entries.filter((_entry, index) => results[index]);
    if (stored.length > 0) await attestAndQueue(tx, queue, stored);
    return results;
  });
}

async function attestAndQueue(tx: Transaction, queue: Queue, stored: readonly Entry[]): Promise<void> {
  recordReceipts(
    tx,
    stored.map((entry) => ({ kind: 'envelope' as const, messageId: entry.id, facts: entry.facts })),
  );
  const turns = stored.flatMap(({ id, session, job }) =>
    job === null ? [] : [{ message: id, session, startAfter: job.startAfter }],
  );
  if (turns.length > 0) await queue.append(tx, turns);
  storeAttachments(
    tx,
    stored.filter(({ envelope, state }) => envelope !== null && state !== 'refused'),
  );
  await post(tx, stored.flatMap(parcelsOf));
}

function parcelsOf(entry: Entry): Parcel[] {
  if (entry.says === null || entry.route === null) return [];
  const { id, session, principal, channel, route } = entry;
  return [
    { id: `gate:${id}`, messageId: id, session, principal, channel, route, card: null, body: entry.says },
  ];
}

/** As jsonb, because as json each envelope would be read three times. */
function insertion(name: string, entries: readonly Entry[], ending = ''): QueryConfig {
  return {
    name,
    text: `insert into messages (id, channel, session_key, principal, event, state, envelope, raw, reply_route, problem,
       received_at, finished_at)
     select id, channel, session_key, principal, event, state, envelope, raw, reply_route, problem, received_at,
       case when state in ('handled', 'refused', 'dead') then received_at end
     from jsonb_to_recordset($1) as m (id text, channel text, session_key text, principal text, event text, state text,
       envelope jsonb, raw text, reply_route jsonb, problem jsonb, received_at timestamptz)
     ${ending}`,
    values: [`[${entries.map((entry) => entry.row ?? rowOf(entry)).join(',')}]`],
  };
}

/**
 * An entry as a row of `messages`, in JSON. Made as soon as nothing of it changes any more, while the batch before it is
 * stored, it costs the batch no time of Postgres's. The envelope is JSON already.
 */
export function rowOf(entry: Entry): string {
  const row = JSON.stringify({
    id: entry.id,
    channel: entry.channel,
    session_key: entry.session,
    principal: entry.principal,
    event: entry.event,
    state: entry.state,
    raw: entry.raw?.toWellFormed().replaceAll('\0', '') ?? null,
    reply_route: entry.route,
    problem: entry.problem,
    received_at: entry.receivedAt,
  });
  return entry.envelope === null ? row : `{"envelope":${entry.envelope},${row.slice(1)}`;
}
