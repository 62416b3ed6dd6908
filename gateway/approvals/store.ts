import type { Queryable } from '../db/index.ts';
import type { Reason, TracedLeaf } from '../policy/index.ts';
import type { Identity } from '../sessions/index.ts';
import type { ApprovalState, Verdict } from './types.ts';

/** A vote as it was given. `seat` is whose vote it counts as: the voter's own, or of the person they stood in for. */
export interface StoredVote {
  principal: string;
  verdict: Verdict;
  comment: string | null;
  channel: string;
  at: string;
  seat: string | null;
  identity: Identity | null;
  authenticator: string | null;
}

/** An approval with its decision and votes. */
export interface ApprovalRow {
  id: string;
  state: ApprovalState;
  kind: 'confirm' | 'approve';
  groups: string[];
  quorum: number;
  requester: string | null;
  requesterDisplay: string | null;
  /** The accounts of the requester when it was asked. */
  requesterIdentities: Identity[];
  /** Who got a card of it. */
  asked: string[];
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
  /** When this was read, by Postgres's clock. */
  now: Date;
  /** How many of the reminders and escalations of its class were done. */
  stepsDone: number;
  /** Whether the next of them is due. */
  stepDue: boolean;
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
  votes: StoredVote[];
}

const columns = `
  a.id, a.state, a.kind, a.groups, a.quorum, a.requester, a.run_id as "runId", a.execution_id as "executionId",
  a.node_id as "nodeId", a.item_index as "itemIndex", a.resume_path as "resumePath", a.superseded, a.reason,
  a.deadline, a.deadline <= clock_timestamp() as late, clock_timestamp() as now,
  a.requester_identities as "requesterIdentities", a.asked, a.steps_done as "stepsDone",
  coalesce(a.next_step_at <= clock_timestamp(), false) as "stepDue", a.created_at as "createdAt", a.decided_at as "decidedAt",
  a.delivered_at as "deliveredAt", a.delivery_attempts as attempts, d.message_id as "messageId", d.tool, d.args,
  d.digest, d.reasons, d.provenance,
  (select r.actor ->> 'display' from runs r where r.id = d.run_id) as "requesterDisplay",
  (select g.id from grants g where g.decision_id = d.id) as "grant",
  (select coalesce(jsonb_agg(jsonb_build_object('principal', v.principal, 'verdict', v.verdict, 'comment', v.comment,
     'channel', v.channel, 'seat', v.seat, 'identity', v.identity, 'authenticator', v.authenticator, 'at', to_char(v.voted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
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

/** @returns the account that a message came from, or null where its envelope is past its retention */
export async function senderOf(db: Queryable, messageId: string): Promise<Identity | null> {
  const { rows } = await db.query<{ [Part in keyof Identity]: string | null }>(
    `select envelope #>> '{data,channel,kind}' as channel, envelope #>> '{data,channel,account}' as account,
       envelope #>> '{data,sender,nativeId}' as id from messages where id = $1`,
    [messageId],
  );
  const { channel, account, id } = rows[0] ?? {};
  return channel && account && id ? { channel, account, id } : null;
}

/**
 * Locks approvals for the rest of the transaction, always in the same order, and reads them. The read is a statement
 * of its own: one that waited for the lock would still see the votes from before its wait.
 */
export async function lockApprovals(tx: Queryable, ids: readonly string[]): Promise<ApprovalRow[]> {
  await tx.query('select 1 from approvals where id = any($1) order by id for update', [ids]);
  return findApprovals(tx, 'a.id = any($1) order by a.item_index, a.id', [ids]);
}
