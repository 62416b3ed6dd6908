import { transaction } from '../db/index.ts';
import { lookUp } from './deliver.ts';
import { settleAll } from './settle.ts';
import { lockApprovals } from './store.ts';
import { lockCard } from './together.ts';
import type { ApprovalsDeps } from './types.ts';

const batch = 50;
/** A gate registers while its execution still runs; n8n's own record of it may follow a moment later. */
const settlingSeconds = 5;

/**
 * Ends approvals whose deadline has passed, by Postgres's clock; their runs are told like of any other outcome.
 * @returns milliseconds until the next deadline, or null when none is open
 */
export async function expireLate(deps: ApprovalsDeps): Promise<number | null> {
  const { rows } = await deps.pool.query<{ id: string; ms: number }>(
    `select id, extract(epoch from deadline - clock_timestamp())::float8 * 1000 as ms from approvals
     where state = 'pending' order by deadline limit $1`,
    [batch],
  );
  for (const { id } of rows.filter((row) => row.ms <= 0)) {
    await transaction(deps.pool, async (tx) => {
      // What was decided while its lock was waited for stays decided.
      const rows = await lockCard(tx, id);
      const some = rows.some((row) => row.votes.length > 0);
      const reason = some ? 'Too few people approved it in time.' : 'Nobody decided it in time.';
      await settleAll(deps, tx, rows, { state: 'expired', reason });
    });
  }
  return rows.find((row) => row.ms > 0)?.ms ?? (rows.length === batch ? 0 : null);
}

/**
 * Looks after approvals whose execution waits no more. One that a person stopped or deleted in n8n closes them; one that
 * was lost, as in a crash before n8n had stored its wait, starts over and takes them and their votes with it.
 */
export async function closeStopped(deps: ApprovalsDeps): Promise<void> {
  const { rows } = await deps.pool.query<{ executionId: string; ids: string[] }>(
    `select execution_id as "executionId", array_agg(id) as ids from approvals
     where state = 'pending' and resume_path is not null and created_at < now() - $1 * interval '1 s'
     group by execution_id`,
    [settlingSeconds],
  );
  for (const { executionId, ids } of rows) {
    const state = await lookUp(deps, executionId);
    if (state !== 'gone' && state !== 'absent' && state !== 'ended') continue;
    await transaction(deps.pool, async (tx) => {
      // A redispatch may have moved one to another execution meanwhile.
      const held = (await lockApprovals(tx, ids)).filter((row) => row.executionId === executionId);
      const runId = held[0]?.runId;
      if (state === 'ended' && runId !== undefined && (await deps.delivery.runAgain(tx, runId))) {
        deps.log.warn({ execution: executionId, approvals: ids }, 'a waiting run was lost and starts over');
        return;
      }
      await settleAll(deps, tx, held, {
        state: 'cancelled',
        reason: 'The workflow run was stopped in n8n.',
        runOver: true,
      });
    });
  }
}
