import type { Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';

/** What a receipt can attest. */
export type ReceiptKind =
  | 'envelope'
  | 'decision'
  | 'approval.requested'
  | 'approval.vote'
  | 'approval.escalated'
  | 'approval.reminded'
  | 'approval.outcome'
  | 'approval.edited'
  | 'approval.outdated'
  | 'approval.question'
  | 'approval.answer'
  | 'standing.granted'
  | 'standing.revoked'
  | 'post'
  | 'secret.lease'
  | 'secret.rotated'
  | 'secret.retired'
  | 'secret.copied'
  | 'secret.uncopied'
  | 'preview'
  | 'attempt'
  | 'outcome'
  | 'egress'
  | 'calls.paused'
  | 'calls.resumed'
  | 'calls.requeued'
  | 'reply'
  | 'agent.started'
  | 'agent.model'
  | 'agent.steered'
  | 'agent.ended'
  | 'kill-switch'
  | 'clock.backward'
  | 'epoch'
  | 'restore'
  | 'policy.served'
  | 'policy.rollback'
  | 'pairing'
  | 'factor'
  | 'terminal';

/** Ids, digests, codes and times; never argument values, message text or secrets. */
export type ReceiptFacts = Record<string, string | number | boolean | null | string[]>;

export interface Receipt {
  kind: ReceiptKind;
  messageId?: string | null;
  decisionId?: string | null;
  facts: ReceiptFacts;
}

interface Collected extends Receipt {
  id: string;
}

/** Receipts of open transactions, which are written together right before their commits. */
const collected = new WeakMap<Transaction, Collected[]>();

/**
 * Writes receipts in the transaction of what they attest, which fails where they cannot be written. The sealer links
 * them into the chain afterwards.
 * @returns their ids, in order
 */
export function recordReceipts(tx: Transaction, receipts: readonly Receipt[]): string[] {
  const fresh = receipts.map((receipt) => ({ ...receipt, id: uuidv7() }));
  const open = collected.get(tx);
  if (open) open.push(...fresh);
  else if (fresh.length > 0) {
    collected.set(tx, fresh);
    tx.beforeCommit(() => write(tx, fresh));
  }
  return fresh.map((receipt) => receipt.id);
}

function write(tx: Transaction, receipts: readonly Collected[]): void {
  tx.send({
    name: 'record-receipts',
    text: `insert into receipts (id, kind, message_id, decision_id, facts)
     select id, kind, "messageId", "decisionId", facts from jsonb_to_recordset($1)
       as t (id uuid, kind text, "messageId" text, "decisionId" text, facts jsonb)`,
    values: [JSON.stringify(receipts)],
  });
}
