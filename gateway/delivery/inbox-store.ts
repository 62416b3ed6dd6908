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
     from json_to_recordset($1) as m (id text, channel text, session_key text, principal text, event text, state text,
       envelope jsonb, raw text, reply_route jsonb, problem jsonb, received_at timestamptz)
     on conflict (id) do nothing returning id`,
    values: [`[${entries.map(rowOf).join(',')}]`],
  });
  return new Set(rows.map((row) => row.id));
}

/** An entry as a JSON object. The envelope is JSON already. */
function rowOf(entry: Entry): string {
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
