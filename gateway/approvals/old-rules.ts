import { transaction, type Transaction } from '../db/index.ts';
import { outdatedBy } from '../policy/index.ts';
import { settleAll } from './settle.ts';
import type { ApprovalRow } from './store.ts';
import { lockCard } from './together.ts';
import type { ApprovalsDeps } from './types.ts';

/** Cards of one turn; the next turn takes the next ones. */
const batch = 50;

/**
 * Ends the questions that were asked under rules or in an epoch that hold no more: no vote on them could be granted, and
 * each takes one of the few places for questions that its session has. A card ends under its lock, as by a vote on it, so
 * that of several gateways and voters one ends it. What a crash leaves is found again at the next start.
 * @returns whether there may be more
 */
export async function closeOutdated(deps: ApprovalsDeps): Promise<boolean> {
  const { version, epoch } = deps.policy.binding();
  const { rows } = await deps.pool.query<{ id: string }>(
    `select min(a.id) as id from approvals a join decisions d on d.id = a.id
     where a.state = 'pending' and (d.policy_version <> $1 or d.epoch <> $2)
     group by coalesce(a.card, a.id) order by min(a.deadline), 1 limit $3`,
    [version, epoch, batch],
  );
  for (const { id } of rows) {
    await transaction(deps.pool, async (tx) => endOutdated(deps, tx, await lockCard(tx, id)));
  }
  return rows.length > 0;
}

/**
 * Ends these approvals together, which the transaction has locked, where the rules changed under one of them.
 * @returns whether they ended
 */
export async function endOutdated(
  deps: ApprovalsDeps,
  tx: Transaction,
  rows: readonly ApprovalRow[],
): Promise<boolean> {
  const binding = deps.policy.binding();
  const refusals = rows
    .filter((row) => row.state === 'pending')
    .flatMap((row) => outdatedBy(row, binding) ?? []);
  const [refusal] = refusals;
  if (!refusal) return false;
  await settleAll(deps, tx, rows, { state: 'cancelled', reason: refusal.message });
  return true;
}
