import { GatehouseError } from '../../config/index.ts';
import type { Queryable, Transaction } from '../../db/index.ts';
import type { RunContext } from '../../policy/index.ts';
import type { AgentWait } from './types.ts';

/** A wait whose runs have all ended. */
export interface DueRow extends AgentWait {
  runId: string;
  messageId: string;
  attempts: number;
}

/**
 * Stores a wait. An older one of the same place, or of the same runs in an execution that n8n lost, has nothing to wait for.
 * @throws GatehouseError `GH-AGENT-013` where the work for another message waits at this place
 */
export async function storeWait(db: Queryable, context: RunContext, wait: AgentWait): Promise<void> {
  const { executionId, nodeId, runs, resumePath } = wait;
  await db.query(
    'update agent_waits set delivered_at = now() where agent_runs && $1::uuid[] and delivered_at is null',
    [runs],
  );
  const { rowCount } = await db.query(
    `insert into agent_waits (execution_id, node_id, run_id, message_id, agent_runs, resume_path)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (execution_id, node_id) do update set run_id = excluded.run_id, message_id = excluded.message_id,
       agent_runs = excluded.agent_runs, resume_path = excluded.resume_path, delivered_at = null, delivery_attempts = 0,
       refused_since = null, next_attempt_at = now(), created_at = now()
       where agent_waits.message_id = excluded.message_id or agent_waits.delivered_at is not null`,
    [executionId, nodeId, context.runId, context.messageId, runs, resumePath],
  );
  if (rowCount === 0)
    throw new GatehouseError('GH-AGENT-013', 'Another message is waited for at this place.', {
      field: 'executionId',
      next: 'Name the execution and node that the request comes from.',
    });
}

/** Whether one of these runs goes on, and cannot end before the transaction does. */
export async function anyUnfinished(tx: Transaction, runs: readonly string[]): Promise<boolean> {
  const { rows } = await tx.query<{ over: boolean }>(
    'select finished_at is not null as over from agent_runs where id = any($1::uuid[]) order by id for update',
    [runs],
  );
  return rows.some(({ over }) => !over);
}

const isDue = `w.delivered_at is null and w.next_attempt_at <= clock_timestamp()
  and not exists (select from agent_runs r where r.id = any(w.agent_runs) and r.finished_at is null)`;

/** Reads the waits that are due, or the one of this place where it is. */
export async function readDue(
  db: Queryable,
  place?: Pick<AgentWait, 'executionId' | 'nodeId'>,
): Promise<DueRow[]> {
  const { rows } = await db.query<DueRow>(
    `select execution_id as "executionId", node_id as "nodeId", run_id as "runId", message_id as "messageId",
       agent_runs as runs, resume_path as "resumePath", delivery_attempts as attempts
     from agent_waits w where ${isDue} and ($1::text is null or (execution_id = $1 and node_id = $2)) limit 50`,
    [place?.executionId ?? null, place?.nodeId ?? null],
  );
  return rows;
}

/** Notes that nothing waits there any more. @returns whether something did */
export async function closeWait(
  db: Queryable,
  { executionId, nodeId }: Pick<AgentWait, 'executionId' | 'nodeId'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    'update agent_waits set delivered_at = now() where execution_id = $1 and node_id = $2 and delivered_at is null',
    [executionId, nodeId],
  );
  return rowCount === 1;
}
