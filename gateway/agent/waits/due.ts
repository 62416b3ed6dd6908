import { deliver, pauseMs } from '../../approvals/index.ts';
import { transaction, whileAlone } from '../../db/index.ts';
import { readShown, type ShownRun } from '../shown.ts';
import { closeWait, readDue, type DueRow } from './store.ts';
import type { WaitsDeps, WaitsTiming } from './types.ts';

const endedType = 'dev.gatehouse.agent-runs.v1';
const here = 'execution_id = $1 and node_id = $2 and delivered_at is null';

/** Brings the end of runs to the executions that wait for them, each under a lock that dies with its connection. */
export async function deliverDue(deps: WaitsDeps, timing: WaitsTiming): Promise<void> {
  for (const due of await readDue(deps.pool)) {
    await whileAlone(deps.pool, `resume:${due.executionId}/${due.nodeId}`, async () => {
      const [row] = await readDue(deps.pool, due);
      if (row) await deliverOne(deps, timing, row);
    });
  }
}

async function deliverOne(deps: WaitsDeps, timing: WaitsTiming, row: DueRow): Promise<void> {
  const { pool, delivery } = deps;
  const place = [row.executionId, row.nodeId];
  const shown = await Promise.all(row.runs.map((id) => readShown(pool, deps.models, id)));
  await deliver(deps, timing, {
    wait: row,
    message: { type: endedType, items: shown.filter((run): run is ShownRun => run !== null) },
    named: { agentRun: row.runs[0] ?? '' },
    attempts: row.attempts,
    delivered: () =>
      transaction(pool, async (tx) => {
        if (await closeWait(tx, row)) await delivery.runResumed(tx, row.runId);
      }),
    async wasTaken() {
      // The run replied or closed itself: it does neither while it waits.
      const { rows } = await pool.query(
        `select 1 from runs where id = $1 and state = 'done'
         union all select 1 from messages where id = $2 and state = 'done' limit 1`,
        [row.runId, row.messageId],
      );
      return rows.length > 0;
    },
    again: () =>
      transaction(pool, async (tx) => {
        if (!(await delivery.runAgain(tx, row.runId))) return false;
        await closeWait(tx, row);
        return true;
      }),
    giveUp: () =>
      transaction(pool, async (tx) => {
        await closeWait(tx, row);
        await delivery.reply(tx, {
          messageId: row.messageId,
          id: `${row.runs[0] ?? ''}:undeliverable`,
          body: {
            text: 'The agent has ended its work, but the workflow run that waited for it is gone.',
            tone: 'failed',
          },
          final: true,
        });
        await delivery.runDone(tx, row.runId);
        return true;
      }),
    async refusedForLong() {
      const { rows } = await pool.query<{ long: boolean | null }>(
        `select refused_since < clock_timestamp() - $3 * interval '1 ms' as long from agent_waits where ${here}`,
        [...place, timing.giveUp],
      );
      return rows[0]?.long === true;
    },
    async retry(refused) {
      await pool.query(
        `update agent_waits set delivery_attempts = delivery_attempts + 1,
           next_attempt_at = clock_timestamp() + $3 * interval '1 ms',
           refused_since = case when $4 then coalesce(refused_since, clock_timestamp()) end where ${here}`,
        [...place, pauseMs(timing, row.attempts), refused],
      );
    },
  });
}
