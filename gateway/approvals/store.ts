import type { Queryable } from '../db/index.ts';
import type { Reason, TracedLeaf } from '../policy/index.ts';
import type { ApprovalState, Verdict } from './types.ts';

/** An approval with its decision and votes. */
export interface ApprovalRow {
  id: string;
  state: ApprovalState;
  kind: 'confirm' | 'approve';
  groups: string[];
  quorum: number;
  requester: string | null;
  requesterDisplay: string | null;
  runId: string;
  executionId: string;
  nodeId: string;
  itemIndex: number;
  resumePath: string;
  superseded: boolean;
  reason: string | null;
  deadline: Date;
  /** Whether the deadline has passed, by Postgres's clock. */
  late: boolean;
  createdAt: Date;
  decidedAt: Date | null;
  deliveredAt: Date | null;
  attempts: number;
  messageId: string;
  tool: string;
  args: Record<string, unknown> | null;
  digest: string;
  reasons: Reason[];
  provenance: TracedLeaf[];
  grant: string | null;
  votes: { principal: string; verdict: Verdict; comment: string | null; channel: string; at: string }[];
}

const columns = `
  a.id, a.state, a.kind, a.groups, a.quorum, a.requester, a.run_id as "runId", a.execution_id as "executionId",
  a.node_id as "nodeId", a.item_index as "itemIndex", a.resume_path as "resumePath", a.superseded, a.reason,
  a.deadline, a.deadline <= clock_timestamp() as late, a.created_at as "createdAt", a.decided_at as "decidedAt",
  a.delivered_at as "deliveredAt", a.delivery_attempts as attempts, d.message_id as "messageId", d.tool, d.args,
  d.digest, d.reasons, d.provenance,
  (select r.actor ->> 'display' from runs r where r.id = d.run_id) as "requesterDisplay",
  (select g.id from grants g where g.decision_id = d.id) as "grant",
  (select coalesce(jsonb_agg(jsonb_build_object('principal', v.principal, 'verdict', v.verdict, 'comment', v.comment,
     'channel', v.channel, 'at', to_char(v.voted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
     order by v.voted_at), '[]') from votes v where v.approval_id = a.id) as votes`;

/**
 * Reads approvals.
 * @param where SQL over `a` (approvals) and `d` (decisions), with `parameters`
 */
export async function findApprovals(
  db: Queryable,
  where: string,
  parameters: unknown[],
): Promise<ApprovalRow[]> {
  const { rows } = await db.query<ApprovalRow>(
    `select ${columns} from approvals a join decisions d on d.id = a.id where ${where}`,
    parameters,
  );
  return rows;
}

/**
 * Locks approvals for the rest of the transaction, always in the same order, and reads them. The read is a statement
 * of its own: one that waited for the lock would still see the votes from before its wait.
 */
export async function lockApprovals(tx: Queryable, ids: readonly string[]): Promise<ApprovalRow[]> {
  await tx.query('select 1 from approvals where id = any($1) order by id for update', [ids]);
  return findApprovals(tx, 'a.id = any($1) order by a.item_index, a.id', [ids]);
}
