import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';
import type { SecretStore } from './store.ts';

/** One attempt's loan of one secret. */
export interface Loan {
  attemptId: string;
  messageId: string;
  /** Name of the secret. */
  secret: string;
}

/** Secrets on loan, one call at a time. Opening and ending ride in the transactions of the attempt. */
export interface Leases {
  /** Records the lease and its receipt with the attempt that they belong to; the value is read only after that. */
  open(tx: Transaction, loan: Loan): void;
  /** @returns the secret's value @throws GatehouseError `GH-VAULT-008` for one that is not set */
  read(secret: string): Promise<string>;
  /** Ends what an attempt has on loan, with its outcome. */
  end(tx: Transaction, attemptId: string): void;
}

/** @param store where the values are */
export function createLeases(store: SecretStore): Leases {
  return {
    open(tx, { attemptId, messageId, secret }) {
      const lease = `lease_${uuidv7()}`;
      tx.send({
        name: 'open-lease',
        text: 'insert into leases (id, attempt_id, secret) values ($1, $2, $3)',
        values: [lease, attemptId, secret],
      });
      recordReceipts(tx, [{ kind: 'secret.lease', messageId, facts: { lease, attempt: attemptId, secret } }]);
    },
    async read(secret) {
      const value = await store.get(secret);
      if (value !== undefined) return value;
      throw new GatehouseError('GH-VAULT-008', `The secret ${secret} is not set.`, {
        status: 409,
        next: `Run gatehouse secret set ${secret}.`,
      });
    },
    end(tx, attemptId) {
      tx.send({
        name: 'end-leases',
        text: 'update leases set ended_at = now() where attempt_id = $1 and ended_at is null',
        values: [attemptId],
      });
    },
  };
}
