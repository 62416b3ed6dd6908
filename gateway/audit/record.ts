import type { Queryable, Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';

/** What a receipt can attest. */
export type ReceiptKind =
  | 'envelope'
  | 'decision'
  | 'approval.requested'
  | 'approval.vote'
  | 'approval.outcome'
  | 'secret.lease'
  | 'attempt'
  | 'outcome'
  | 'reply'
  | 'kill-switch'
  | 'pairing';

/** Ids, digests, codes and times; never argument values, message text or secrets. */
export type ReceiptFacts = Record<string, string | number | boolean | null | string[]>;

export interface Receipt {
  kind: ReceiptKind;
  messageId?: string | null;
  decisionId?: string | null;
  facts: ReceiptFacts;
}

/**
 * Writes receipts in the transaction of what they attest. The sealer links them into the chain afterwards.
 * @param tx the open transaction, which fails where they cannot be written (or the pool, for a receipt that stands alone)
 * @returns their ids, in order
 */
export async function recordReceipts(
  tx: Transaction | Queryable,
  receipts: readonly Receipt[],
): Promise<string[]> {
  const ids = receipts.map(() => uuidv7());
  const statement = {
    name: 'record-receipts',
    text: `insert into receipts (id, kind, message_id, decision_id, facts)
     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[])`,
    values: [
      ids,
      receipts.map((receipt) => receipt.kind),
      receipts.map((receipt) => receipt.messageId ?? null),
      receipts.map((receipt) => receipt.decisionId ?? null),
      receipts.map((receipt) => JSON.stringify(receipt.facts)),
    ],
  };
  if ('send' in tx) tx.send(statement);
  else await tx.query(statement);
  return ids;
}
