import { recordReceipts } from '../audit/index.ts';
import { transaction, type Pool } from '../db/index.ts';

/**
 * Remembers the highest time that Postgres's clock showed; called every few seconds. No grant is spent while the clock is
 * below it. Where it went back, all that was granted by the old time is void, with a receipt, and counting goes on from
 * the new one: an expiry of the old clock would come too late by as much as it went back.
 * @returns whether it went back
 */
export async function watchClock(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    'update clock_guard set highest = clock_timestamp() where highest <= clock_timestamp()',
  );
  if (rowCount === 1) return false;
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ highest: Date; now: Date; behind: boolean }>(
      'select highest, clock_timestamp() as now, highest > clock_timestamp() as behind from clock_guard for update',
    );
    const [seen] = rows;
    if (!seen?.behind) return false;
    const { rows: voided } = await tx.query(
      `with void as (
         update grants set expires_at = least(expires_at, now()) where consumed_at is null returning decision_id
       ), decided as (
         update decisions set expires_at = least(expires_at, now()) where id in (select decision_id from void)
       ) select decision_id from void`,
    );
    await tx.query('update clock_guard set highest = clock_timestamp()');
    const facts = { seen: seen.highest.toISOString(), now: seen.now.toISOString(), voided: voided.length };
    recordReceipts(tx, [{ kind: 'clock.backward', facts }]);
    return true;
  });
}
