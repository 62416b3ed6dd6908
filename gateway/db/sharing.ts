import { isOutage } from './errors.ts';
import { GroupCommit } from './group-commit.ts';
import { transaction, type Pool, type Transaction } from './pool.ts';

/** Work of one caller in a transaction; it may be run a second time, in another one. */
type Work<T> = (tx: Transaction) => T | Promise<T>;
type Settled = PromiseSettledResult<unknown>;

/**
 * Group commit of work that is more than a row: what comes while a transaction is under way shares the next one. Where a
 * shared transaction fails, each work gets one of its own, so that none fails for another's fault.
 * @returns runs one work; rejects with what its own transaction throws
 */
export function shareTransactions(pool: Pool): <T>(work: Work<T>) => Promise<T> {
  const apart = (works: Work<unknown>[]): Promise<Settled[]> =>
    Promise.allSettled(works.map((work) => transaction(pool, work)));
  const group = new GroupCommit<Work<unknown>, Settled>(async (works) => {
    if (works.length === 1) return apart(works);
    try {
      const all = async (tx: Transaction): Promise<Settled[]> => {
        // All of them have ended before the transaction does, however they end.
        const settled = await Promise.allSettled(works.map(async (work) => work(tx)));
        for (const result of settled) if (result.status === 'rejected') throw result.reason;
        return settled;
      };
      return await transaction(pool, all, { keepPlans: true });
    } catch (error) {
      if (isOutage(error)) throw error;
      return apart(works);
    }
  });
  return async <T>(work: Work<T>) => valueOf<T>(await group.add(work));
}

function valueOf<T>(result: Settled): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value as T;
}
