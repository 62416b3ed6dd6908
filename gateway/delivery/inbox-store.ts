import { recordReceipts } from '../audit/index.ts';
import type { Outgoing, Route } from '../channels/index.ts';
import { transaction, type Pool, type Transaction } from '../db/index.ts';
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
}

/**
 * Stores, attests and queues a batch in one transaction.
 * @returns for each entry whether it was new
 */
export function storeEntries(pool: Pool, queue: Queue, entries: readonly Entry[]): Promise<boolean[]> {
  return transaction(pool, async (tx) => {
    const fresh = await insertMessages(tx, entries);
    // `delete` makes the second of two same ids in one batch the duplicate.
    const results = entries.map((entry) => fresh.delete(entry.id));
    const stored = entries.filter((_entry, index) => results[index]);
    if (stored.length === 0) return results;
    recordReceipts(
      tx,
      stored.map((entry) => ({ kind: 'envelope' as const, messageId: entry.id, facts: entry.facts })),
    );
    const turns = stored.flatMap(({ id, session, job }) =>
      job === null ? [] : [{ message: id, session, startAfter: job.startAfter }],
    );
    if (turns.length > 0) await queue.append(tx, turns);
    await post(tx, stored.flatMap(parcelsOf));
    return results;
  });
}

function parcelsOf(entry: Entry): Parcel[] {
  if (entry.says === null || entry.route === null) return [];
  const { id, session, principal, channel, route } = entry;
  return [
    { id: `gate:${id}`, messageId: id, session, principal, channel, route, card: null, body: entry.says },
  ];
}

async function insertMessages(tx: Transaction, entries: readonly Entry[]): Promise<Set<string>> {
  const { rows } = await tx.query<{ id: string }>({
    name: 'delivery-messages',
    text: `insert into messages (id, channel, session_key, principal, event, state, envelope, raw, reply_route, problem,
       received_at, finished_at)
     select id, channel, session_key, principal, event, state, envelope, raw, reply_route, problem, received_at,
       case when state in ('handled', 'refused', 'dead') then received_at end
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
       $9::jsonb[], $10::jsonb[], $11::timestamptz[])
       as m (id, channel, session_key, principal, event, state, envelope, raw, reply_route, problem, received_at)
     on conflict (id) do nothing returning id`,
    values: [
      entries.map((entry) => entry.id),
      entries.map((entry) => entry.channel),
      entries.map((entry) => entry.session),
      entries.map((entry) => entry.principal),
      entries.map((entry) => entry.event),
      entries.map((entry) => entry.state),
      entries.map((entry) => entry.envelope),
      entries.map((entry) => entry.raw?.replaceAll('\0', '') ?? null),
      entries.map((entry) => (entry.route === null ? null : JSON.stringify(entry.route))),
      entries.map((entry) => (entry.problem === null ? null : JSON.stringify(entry.problem))),
      entries.map((entry) => entry.receivedAt.toISOString()),
    ],
  });
  return new Set(rows.map((row) => row.id));
}
