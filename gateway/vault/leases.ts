import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';
import type { SecretStore } from './store.ts';

/** Secrets on loan, one call at a time. */
export interface Leases {
  /**
   * Lends a secret to one attempt for as long as `use` runs.
   * @returns what `use` returns
   * @throws GatehouseError `GH-VAULT-008` for a secret that is not set; no lease is recorded then
   */
  withSecret<T>(
    attemptId: string,
    messageId: string,
    name: string,
    use: (value: string) => Promise<T>,
  ): Promise<T>;
}

/**
 * Each lease and its receipt are committed before the value is handed out, so that no use is without a trace.
 * @param deps.store where the values are
 */
export function createLeases({ store, pool }: { store: SecretStore; pool: Pool }): Leases {
  return {
    async withSecret(attemptId, messageId, name, use) {
      const value = await store.get(name);
      if (value === undefined) {
        throw new GatehouseError('GH-VAULT-008', `The secret ${name} is not set.`, {
          status: 409,
          next: `Run gatehouse secret set ${name}.`,
        });
      }
      const lease = `lease_${uuidv7()}`;
      await transaction(pool, async (tx) => {
        await tx.query({
          name: 'open-lease',
          text: 'insert into leases (id, attempt_id, secret) values ($1, $2, $3)',
          values: [lease, attemptId, name],
        });
        await recordReceipts(tx, [
          { kind: 'secret.lease', messageId, facts: { lease, attempt: attemptId, secret: name } },
        ]);
      });
      try {
        return await use(value);
      } finally {
        // The lease is over when `use` is; a row that cannot be closed now must not turn the outcome into a failure.
        await pool.query('update leases set ended_at = now() where id = $1', [lease]).catch(() => undefined);
      }
    },
  };
}
