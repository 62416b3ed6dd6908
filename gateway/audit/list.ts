import type { Queryable } from '../db/index.ts';
import { receiptColumns, type StoredReceipt } from './chain.ts';

/** One receipt as the receipts page shows it. */
export interface ListedReceipt extends StoredReceipt {
  /** Place in the chain, or null for the second until it is sealed. */
  position: number | null;
  hash: string | null;
}

// Each yields (about, latest): the messages to show. Both read an index from its end and stop early.
const ownMessages = `select id as about, seq as latest from messages
  where principal = $1 and ($2::text is null or id = $2) order by received_at desc limit $3`;
const allMessages = `select message_id as about, max(arrival) as latest
  from (select message_id, arrival from receipts where $1::text is null and ($2::text is null or message_id = $2)
        order by arrival desc limit 5000) as newest
  group by message_id order by latest desc limit $3`;

/**
 * The receipts of the newest messages.
 * @param who one principal's own messages, or all of them (of the last 5,000 receipts)
 * @param options at most `limit` messages (50), or the one message named
 * @returns message by message, the newest message first, and within one in the order of writing
 */
export async function listReceipts(
  db: Queryable,
  who: { principal: string } | { all: true },
  options: { limit?: number; messageId?: string } = {},
): Promise<ListedReceipt[]> {
  const principal = 'all' in who ? null : who.principal;
  const { rows } = await db.query<ListedReceipt>(
    `with recent as (${'all' in who ? allMessages : ownMessages})
     select ${receiptColumns}, position, hash
     from recent join receipts on message_id is not distinct from about left join receipt_seals using (arrival)
     order by latest desc, arrival`,
    [principal, options.messageId ?? null, options.limit ?? 50],
  );
  return rows;
}
