import { digest } from '../envelope/index.ts';

/** What the first receipt of a chain follows. */
export const genesis = `sha256:${'0'.repeat(64)}`;

/** A receipt as stored, before the sealer gave it a place. `createdAt` is UTC with microseconds. */
export interface StoredReceipt {
  id: string;
  kind: string;
  messageId: string | null;
  decisionId: string | null;
  facts: Record<string, unknown>;
  createdAt: string;
}

/** A receipt in its place of the chain. */
export interface SealedReceipt extends StoredReceipt {
  /** 1 for the first receipt, then without a gap. */
  position: number;
  /** `hash` of the receipt before, or `genesis`. */
  previous: string;
  hash: string;
}

/** The end of the chain at one instant, as it is also kept outside Postgres. */
export interface Head {
  position: number;
  hash: string;
  sealedAt: string;
}

/** The columns of a `StoredReceipt`, for a select. JavaScript's Date would drop the microseconds. */
export const receiptColumns = `id, kind, message_id as "messageId", decision_id as "decisionId", facts,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt"`;

/** The hash that a receipt has at a place: over its content, the place, and the hash of the receipt before. */
export function receiptHash(receipt: StoredReceipt, position: number, previous: string): string {
  const { id, kind, messageId, decisionId, facts, createdAt } = receipt;
  return digest({ position, previous, id, kind, messageId, decisionId, facts, createdAt });
}

/** Links receipts behind `head`, in the order given. */
export function link(
  head: { position: number; hash: string },
  receipts: readonly StoredReceipt[],
): SealedReceipt[] {
  let { position, hash } = head;
  return receipts.map((receipt) => {
    const previous = hash;
    position += 1;
    hash = receiptHash(receipt, position, previous);
    return { ...receipt, position, previous, hash };
  });
}
