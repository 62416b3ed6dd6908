import type { Queryable } from '../db/index.ts';
import { receiptColumns, type StoredReceipt } from './chain.ts';

/** One receipt as the receipts page shows it. */
export interface ListedReceipt extends StoredReceipt {
  /** Place in the chain, or null for the second until it is sealed. */
  position: number | null;
  hash: string | null;
}

/** What was done for one message, oldest first. */
export interface ReceiptGroup {
  /** Null for receipts that belong to no message, such as the kill switch. */
  messageId: string | null;
  channel: string | null;
  principal: string | null;
  receipts: ListedReceipt[];
}

// Each yields (about, latest): the messages to show. Both read an index from its end and stop early.
const ownMessages = `select id as about, seq as latest from messages
  where principal = $1 and ($2::text is null or id = $2) order by received_at desc limit $3`;
const allMessages = `select message_id as about, max(arrival) as latest
  from (select message_id, arrival from receipts where $1::text is null and ($2::text is null or message_id = $2)
        order by id desc limit 5000) as newest
  group by message_id order by latest desc limit $3`;

/**
 * The newest messages with their receipts.
 * @param who one principal's own messages, or all of them (of the last 5,000 receipts)
 * @param options at most `limit` messages (50), or the one message named
 * @returns newest message first
 */
export async function listReceipts(
  db: Queryable,
  who: { principal: string } | { all: true },
  options: { limit?: number; messageId?: string } = {},
): Promise<ReceiptGroup[]> {
  const principal = 'principal' in who ? who.principal : null;
  const { rows } = await db.query<ListedReceipt & { about: string | null; latest: number }>(
    `with recent as (${principal === null ? allMessages : ownMessages})
     select ${receiptColumns}, position, hash, about, latest
     from recent join receipts on message_id is not distinct from about
     order by latest desc, arrival`,
    [principal, options.messageId ?? null, options.limit ?? 50],
  );
  const groups = new Map<string | null, ReceiptGroup>();
  for (const { about, latest: _, ...receipt } of rows) {
    const group = groups.get(about) ?? { messageId: about, channel: null, principal: null, receipts: [] };
    group.receipts.push(receipt);
    groups.set(about, group);
  }
  const known = await db.query<{ id: string; channel: string; principal: string | null }>(
    'select id, channel, principal from messages where id = any($1::text[])',
    [[...groups.keys()].filter((id) => id !== null)],
  );
  for (const message of known.rows)
    Object.assign(groups.get(message.id) ?? {}, { channel: message.channel, principal: message.principal });
  return [...groups.values()];
}
