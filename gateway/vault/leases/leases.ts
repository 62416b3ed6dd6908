import { recordReceipts } from '../../audit/index.ts';
import { GatehouseError } from '../../config/index.ts';
import type { Queryable, Transaction } from '../../db/index.ts';
import { digest, uuidv7 } from '../../envelope/index.ts';
import type { SecretStore } from '../stores/file/index.ts';
import type { Secrets } from '../stores/open.ts';
import type { Borrowed } from '../stores/store.ts';

/** What a secret is lent for: nothing else gets it. */
export interface LeaseTarget {
  tool: string;
  method?: string;
  /** With its port, where it has one. */
  host?: string;
  path?: string;
}

/** One attempt's loan of one secret. */
export interface Loan {
  attemptId: string;
  messageId: string;
  /** Name of the secret. */
  secret: string;
  target: LeaseTarget;
}

/** Leave to read one secret for one attempt. Only `open` and `resume` make one; a copy of it opens nothing. */
export interface Lease {
  readonly attemptId: string;
  readonly secret: string;
  /** Digest of what it is lent for. */
  readonly target: string;
}

/** Secrets on loan, one call at a time. Opening and ending ride in the transactions of the attempt. */
export interface Leases {
  /** Records the lease and its receipt with the attempt that they belong to. */
  open(tx: Transaction, loan: Loan): Lease;
  /** The lease that an attempt has open, after the process that opened it died. @returns null where it has none */
  resume(db: Queryable, attemptId: string): Promise<Lease | null>;
  /**
   * Lends the value until it is given back; a credential that was made for the call ends then.
   * @param target what the call is about to reach
   * @throws GatehouseError `GH-VAULT-008` for a secret that is not set, `GH-VAULT-018` without a lease or for another target;
   *   `GH-VAULT-011` to `-015`, `-022` for a store that cannot answer now
   */
  lend(lease: Lease, target: LeaseTarget): Promise<Borrowed>;
  /** Whether a secret could be lent now. Nothing is lent. @throws GatehouseError as `lend` does, where it could not */
  check(secret: string): Promise<void>;
  /** Ends the lease of an attempt, with its outcome. */
  end(tx: Transaction, lease: Lease): void;
}

const openLeases = {
  name: 'open-leases',
  text: `insert into leases (id, attempt_id, secret, target)
    select id, "attemptId", secret, target
    from json_to_recordset($1) as t (id text, "attemptId" text, secret text, target text)`,
};
const endLeases = {
  name: 'end-leases',
  // Compared with an array, as a join of so many rows would read the table while it is small and its plan is kept.
  text: `update leases set ended_at = now() where ended_at is null
    and attempt_id = any (array(select "attemptId" from json_to_recordset($1) as t ("attemptId" text)))`,
};

/** Ends what attempts have open whose process is gone. */
export async function endLeasesOf(db: Queryable, attemptIds: readonly string[]): Promise<void> {
  await db.query({
    ...endLeases,
    values: [JSON.stringify(attemptIds.map((attemptId) => ({ attemptId })))],
  });
}

/** @param store where the values are */
export function createLeases(store: Pick<SecretStore, 'get'> & Partial<Pick<Secrets, 'lend'>>): Leases {
  const live = new WeakSet<Lease>();
  const made = (lease: Lease): Lease => {
    const frozen = Object.freeze({ ...lease });
    live.add(frozen);
    return frozen;
  };
  return {
    open(tx, { attemptId, messageId, secret, target }) {
      const id = `lease_${uuidv7()}`;
      const bound = digest(target);
      tx.gather(openLeases, { id, attemptId, secret, target: bound });
      const facts = { lease: id, attempt: attemptId, secret, target: bound };
      recordReceipts(tx, [{ kind: 'secret.lease', messageId, facts }]);
      return made({ attemptId, secret, target: bound });
    },
    async resume(db, attemptId) {
      const { rows } = await db.query<{ secret: string; target: string | null }>(
        'select secret, target from leases where attempt_id = $1 and ended_at is null',
        [attemptId],
      );
      const [row] = rows;
      // One without a target is of a version that bound none; nothing is lent for it any more.
      return row ? made({ attemptId, secret: row.secret, target: row.target ?? '' }) : null;
    },
    async lend(lease, target) {
      if (!live.has(lease) || lease.target !== digest(target)) throw notLent(lease.secret);
      const borrowed = await store.lend?.(lease.secret);
      if (borrowed) return borrowed;
      const value = await store.get(lease.secret);
      if (value !== undefined) return { value, giveBack: () => Promise.resolve() };
      throw notSet(lease.secret);
    },
    async check(secret) {
      if ((await store.get(secret)) === undefined) throw notSet(secret);
    },
    end(tx, lease) {
      live.delete(lease);
      tx.gather(endLeases, { attemptId: lease.attemptId });
    },
  };
}

const notSet = (secret: string): GatehouseError =>
  new GatehouseError('GH-VAULT-008', `The secret ${secret} is not set.`, {
    status: 409,
    next: `Run gatehouse secret set ${secret}.`,
  });

const notLent = (secret: string): GatehouseError =>
  new GatehouseError('GH-VAULT-018', `The secret ${secret} is not on loan for this call.`, {
    status: 403,
    next: 'A secret is lent to one call, for what was decided; where the tool’s file changed since, call it again.',
  });
