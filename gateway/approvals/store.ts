import type { Queryable } from '../db/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { Preview, Reason, StandingAsk, TracedLeaf } from '../policy/index.ts';
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
  /** The binding of the approval as the voter was shown it. */
  shown: string;
  identity: Identity | null;
  authenticator: string | null;
  /** The standing grant that it asks for besides. */
  standing: StandingAsk | null;
  /** Whether it did not count when the approval was decided: its voter was no approver by then. */
  uncounted: boolean;
}

/** An approval with its decision and votes. */
export interface ApprovalRow {
  id: string;
  state: ApprovalState;
  kind: 'confirm' | 'approve';
  groups: string[];
  quorum: number;
  /** The card that it shares with other calls, by the first of them; null for one that stands alone. */
  card: string | null;
  requester: string | null;
  /** Whose confirmation it takes: the requester's, or that of an automation's owner. Null where others approve. */
  confirmer: string | null;
  requesterDisplay: string | null;
  /** The accounts of the requester when it was asked. */
  requesterIdentities: Identity[];
  /** Who got a card of it. */
  asked: string[];
  /** Reminders that they got besides, each `step:principal`. */
  reminded: string[];
  runId: string;
  executionId: string;
  nodeId: string;
  itemIndex: number;
  /** Where n8n takes the outcome; null where the gateway itself waits. */
  resumePath: string | null;
  /** Whether a newer turn of its step took its wait over. */
  stale: boolean;
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
  sessionKey: string;
  policyVersion: string;
  epoch: number;
  /** What the call would do, as it was looked up before people were asked. */
  preview: Preview | null;
  binding: string | null;
  /** Why it does not hold any more although it was approved. */
  void: { changes: string[] } | null;
  tool: string;
  args: Record<string, unknown> | null;
  /** The files of the requester's conversation whose ids stand in `args`, now or at first, by id. */
  attachments: Record<string, { name: string; mime: string; bytes: number }>;
  digest: string;
  reasons: Reason[];
  provenance: TracedLeaf[];
  grant: string | null;
  /** The first edition of this request, whose wait all later ones share; its own id where it is the first. */
  root: string;
  edition: number;
  /** Whether the waiting gate can take a call with other arguments than it asked for. */
  editable: boolean;
  editedBy: string | null;
  /** Who changed what is asked and therefore has no vote on it. */
  proposers: string[];
  /** Everybody who edited it or an earlier edition. */
  editors: string[];
  /** The call as it was asked for at first; null for the first edition. */
  first: { args: Record<string, unknown> | null; digest: string } | null;
  /** The edition that follows. */
  replacedBy: string | null;
  votes: StoredVote[];
  questions: {
    id: string;
    by: string;
    question: string | null;
    at: string;
    answer: string | null;
    answeredAt: string | null;
  }[];
}

const iso = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;
/** What is read of an approval, over `a` (approvals) and `d` (decisions). */
export const columns = `
  a.id, a.state, a.kind, a.groups, a.quorum, a.card, a.requester, a.confirmer, a.run_id as "runId", a.execution_id as "executionId",
  a.node_id as "nodeId", a.item_index as "itemIndex", a.resume_path as "resumePath", a.stale, a.reason,
  a.root, a.edition, a.editable, a.edited_by as "editedBy", a.proposers,
  array(select distinct e.edited_by from approvals e where e.root = a.root and e.edition <= a.edition
    and e.edited_by is not null order by 1) as editors,
  (select jsonb_build_object('args', f.args, 'digest', f.digest) from decisions f
    where f.id = a.root and a.edition > 0) as first,
  (select n.id from approvals n where n.root = a.root and n.edition = a.edition + 1) as "replacedBy",
  a.deadline, a.deadline <= clock_timestamp() as late, clock_timestamp() as now,
  a.requester_identities as "requesterIdentities", a.asked, a.reminded,
  a.steps_done as "stepsDone",
  coalesce(a.next_step_at <= clock_timestamp(), false) as "stepDue", a.created_at as "createdAt",
  a.decided_at as "decidedAt", a.delivered_at as "deliveredAt", a.delivery_attempts as attempts,
  d.message_id as "messageId", d.session_key as "sessionKey", d.policy_version as "policyVersion", d.epoch,
  a.preview, a.binding, a.void, d.tool, d.args,
  d.digest, d.reasons, d.provenance,
  (select coalesce(jsonb_object_agg(f.id, jsonb_build_object('name', f.name, 'mime', f.mime, 'bytes', f.bytes)), '{}')
    from attachments f where f.session_key = d.session_key and f.principal = d.principal
      and strpos(concat(d.args, (select o.args from decisions o where o.id = a.root and a.edition > 0)), f.id::text) > 0)
    as attachments,
  (select r.actor ->> 'display' from runs r where r.id = d.run_id) as "requesterDisplay",
  (select g.id from grants g where g.decision_id = d.id) as "grant",
  (select coalesce(jsonb_agg(jsonb_build_object('principal', v.principal, 'verdict', v.verdict, 'comment', v.comment,
     'channel', v.channel, 'seat', v.seat, 'shown', v.shown_digest, 'identity', v.identity,
     'authenticator', v.authenticator, 'at', to_char(v.voted_at at time zone 'UTC', ${iso}), 'standing', v.standing,
     'uncounted', v.uncounted)
     order by v.voted_at), '[]') from votes v where v.approval_id = a.id) as votes,
  (select coalesce(jsonb_agg(jsonb_build_object('id', q.id, 'by', q.asked_by, 'question', q.question, 'answer', q.answer,
     'at', to_char(q.asked_at at time zone 'UTC', ${iso}),
     'answeredAt', to_char(q.answered_at at time zone 'UTC', ${iso})) order by q.asked_at), '[]')
     from approval_questions q where q.approval_id in (select e.id from approvals e where e.root = a.root)) as questions`;

/**
 * Reads approvals.
 * @param where SQL over `a` (approvals) and `d` (decisions), with `parameters`; one of a few texts
 */
export async function findApprovals(
  db: Queryable,
  where: string,
  parameters: unknown[],
): Promise<ApprovalRow[]> {
  const text = `select ${columns} from approvals a join decisions d on d.id = a.id where ${where}`;
  const { rows } = await db.query<ApprovalRow>({ name: nameOf(text), text, values: parameters });
  return rows;
}

const names = new Map<string, string>();

/**
 * What each connection keeps the plan of a statement under: to plan one of these costs as much as to run it.
 * @param text one of a few, because plans are never forgotten
 */
function nameOf(text: string): string {
  const name = names.get(text) ?? `approvals ${digestOfText(text).slice(-16)}`;
  names.set(text, name);
  return name;
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
 * Locks approvals with all editions of their requests for the rest of the transaction, always in the same order, and
 * reads. The read is a statement of its own, sent after the lock: one that waited for it would still see the votes from
 * before its wait. An edition can only be added under the lock of the first, so that whoever holds it sees the latest.
 * Nobody changes a key, so that who only looks, and is given a link to it, does not wait.
 * @param read as of `findApprovals`; the locked approvals where it is absent
 */
export async function lockApprovals(
  tx: Queryable,
  ids: readonly string[],
  read: { where: string; parameters: unknown[] } = {
    where: 'a.id = any($1) order by a.item_index, a.id',
    parameters: [ids],
  },
): Promise<ApprovalRow[]> {
  const [, rows] = await Promise.all([
    tx.query(
      `select 1 from approvals where root in (select root from approvals where id = any($1)) order by id for no key update`,
      [ids],
    ),
    findApprovals(tx, read.where, read.parameters),
  ]);
  return rows;
}

/** SQL over `a`: the edition that is asked about now or was decided, in place of all earlier ones. */
export const latest =
  'not exists (select 1 from approvals n where n.root = a.root and n.edition > a.edition)';

/** Reads the latest edition of each of these requests, by the ids of their first ones. */
const latestOf = (roots: readonly string[]): { where: string; parameters: unknown[] } => ({
  where: `a.root = any($1) and ${latest} order by a.item_index, a.id`,
  parameters: [roots],
});

/** Locks requests by the ids of their first editions, and reads the latest edition of each. */
export function lockLatest(tx: Queryable, roots: readonly string[]): Promise<ApprovalRow[]> {
  return lockApprovals(tx, roots, latestOf(roots));
}

/** `lockLatest` of what this transaction holds already. */
export function findLatest(tx: Queryable, roots: readonly string[]): Promise<ApprovalRow[]> {
  const { where, parameters } = latestOf(roots);
  return findApprovals(tx, where, parameters);
}
