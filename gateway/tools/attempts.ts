import { recordReceipts, type Receipt, type ReceiptFacts } from '../audit/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';
import { settleFacts, type Presented, type Reason } from '../policy/index.ts';
import type { Lease, Leases, LeaseTarget } from '../vault/index.ts';
import { lockRoom, waitsForRoom, type Room } from './room.ts';
import type { Execution, WaitsFor } from './types.ts';

/** A call whose grant was spent. */
export interface Attempt {
  id: string;
  decisionId: string;
  messageId: string;
  sessionKey: string;
  tool: string;
  digest: string;
  /** Digests of where it goes. */
  destinations: string[];
  /** The secret that it has on loan; null for a call that needs none. */
  lease: Lease | null;
  /** Tries so far, this one included. */
  tries: number;
  /** Why it does not run yet, once its transaction is committed. */
  waitsFor: WaitsFor | null;
  /** Its row, where that is written with its end. */
  unwritten?: object;
}

/** How an attempt ended. */
export interface Ending {
  status: 'succeeded' | 'failed' | 'unknown';
  result?: unknown;
  text?: string;
  reasons?: Reason[];
  /** Tokens of a language model that it says it used. */
  tokens?: number | null;
  /** It certainly had no effect, and may have one later: why, and where it was said, after how many seconds. */
  again?: { waitsFor: WaitsFor; seconds: number | undefined };
  commit?: (tx: Transaction) => Promise<void> | void;
  /** What it used of the way out that it was given. */
  uses?: readonly ReceiptFacts[];
}

type Stored = Pick<Ending, 'result' | 'text' | 'reasons'>;

/**
 * Records the attempt and opens its lease in the transaction that spent its grant, before anything happens outside. Where
 * its account is paused, or has as many calls under way as it may, the attempt is planned instead.
 * @param decisionId the decision that the grant came from
 */
export function startAttempt(
  tx: Transaction,
  leases: Pick<Leases, 'open'>,
  presented: Omit<Presented, 'channel' | 'principal' | 'args' | 'binding'> & { decisionId: string },
  call: {
    step: string;
    secret: string | null;
    /** What the secret is bound to. */
    target: LeaseTarget;
    destinations: string[];
    /** What it may have to wait for; null for a call that stays in the gateway. */
    room: Room | null;
    /** It ends in the transaction in which it starts. */
    endsWithin?: boolean;
  },
): Attempt {
  const { messageId, sessionKey, tool, digest, decisionId } = presented;
  const { step, secret, target, destinations, room, endsWithin } = call;
  const id = `att_${uuidv7()}`;
  const row = { id, grant: presented.grant, decisionId, messageId, sessionKey, step, tool, digest };
  const attempt: Attempt = {
    ...{ id, decisionId, messageId, sessionKey, tool, digest, destinations },
    ...{ lease: null, tries: 1, waitsFor: null },
  };
  if (endsWithin && room === null) attempt.unwritten = row;
  else {
    if (room !== null) lockRoom(tx, room);
    const { account = null, concurrency = null, patienceSeconds = 0 } = room ?? {};
    tx.gather<{ id: string; waits_for: WaitsFor | null }>(
      startAttempts,
      { ...row, account, concurrency, patienceSeconds },
      (rows) => {
        attempt.waitsFor = rows.find((stored) => stored.id === id)?.waits_for ?? null;
      },
    );
  }
  recordReceipts(tx, [{ kind: 'attempt', messageId, decisionId, facts: { attempt: id, tool, digest } }]);
  if (secret !== null) attempt.lease = leases.open(tx, { attemptId: id, messageId, secret, target });
  return attempt;
}

const startAttempts = {
  name: 'start-attempts',
  text: `insert into attempts (id, grant_id, decision_id, message_id, session_key, step, tool, digest, account, owner, waits_for,
      state, next_try_at, deadline_at)
    select id, "grant", "decisionId", "messageId", "sessionKey", step, tool, digest, account, current_setting('application_name'), waits_for,
      case when waits_for is null then 'attempting' else 'planned' end, case when waits_for is not null then now() end,
      case when waits_for is not null then now() + make_interval(secs => "patienceSeconds") end
    from (select t.*, ${waitsForRoom('t.account', 't.concurrency')} as waits_for
      from json_to_recordset($1) as t (id text, "grant" text, "decisionId" text, "messageId" text,
        "sessionKey" text, step text, tool text, digest text, account text, concurrency int, "patienceSeconds" int)) as call
    returning id, waits_for`,
};

/** Whether an error says that this call of this message was started before. */
export function startedBefore(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === '23505' && constraint === 'attempts_message_id_step_digest_key';
}

/**
 * Records how an attempt ended, its receipt, the end of its lease, what it means for later decisions, and the effect that
 * belongs to the same transaction.
 * @returns the execution as it is answered now and at each replay
 */
export async function finishAttempt(
  tx: Transaction,
  leases: Pick<Leases, 'end'>,
  attempt: Attempt,
  ending: Ending,
): Promise<Execution> {
  const { commit, status, tokens = null, again: _tried, uses = [], ...stored } = ending;
  await commit?.(tx);
  const facts = {
    attempt: attempt.id,
    tool: attempt.tool,
    digest: attempt.digest,
    status,
    reasons: (stored.reasons ?? []).map((reason) => reason.code),
  };
  const [receipt] = recordReceipts(tx, [
    { kind: 'outcome', messageId: attempt.messageId, decisionId: attempt.decisionId, facts },
    ...uses.map((use): Receipt => ({
      kind: 'egress',
      messageId: attempt.messageId,
      decisionId: attempt.decisionId,
      facts: { attempt: attempt.id, ...use },
    })),
  ]);
  if (attempt.lease !== null) leases.end(tx, attempt.lease);
  settleFacts(tx, { ...attempt, tokens }, status);
  const end = { id: attempt.id, state: status, result: stored, receipt };
  if (attempt.unwritten) tx.gather(writeEnded, { ...attempt.unwritten, ...end });
  else tx.gather(finishAttempts, end);
  return { status, ...stored, receipt, attempt: attempt.id, decision: attempt.decisionId };
}

const finishAttempts = {
  name: 'finish-attempts',
  // Where one is not the one row, somebody else finished it: dividing by nought fails the transaction without a round
  // trip to find out.
  // The array makes Postgres look the rows up instead of reading the table, which is small when the plan is made.
  text: `with ended as (
      select * from json_to_recordset($1) as t (id text, state text, result jsonb, receipt uuid)
    ), finished as (
      update attempts a set state = e.state, result = e.result, receipt_id = e.receipt, finished_at = now() from ended e
      where a.id = e.id and a.id = any (array(select id from ended)) and a.state = 'attempting' returning a.id
    ) select 1 / (count(*) = json_array_length($1))::int from finished`,
};

/** A call that starts and ends in one transaction is written once. */
const writeEnded = {
  name: 'write-ended-attempts',
  text: `insert into attempts (id, grant_id, decision_id, message_id, session_key, step, tool, digest, owner, state, result,
      receipt_id, finished_at)
    select id, "grant", "decisionId", "messageId", "sessionKey", step, tool, digest, current_setting('application_name'), state,
      result, receipt, now()
    from json_to_recordset($1) as t (id text, "grant" text, "decisionId" text, "messageId" text, "sessionKey" text,
      step text, tool text, digest text, state text, result jsonb, receipt uuid)`,
};

/** One call of one message. */
export interface CallKey {
  messageId: string;
  step: string;
  digest: string;
}

/** What is recorded of a call that was started. */
export interface Recorded {
  id: string;
  state: 'planned' | 'attempting' | 'finished';
  execution: Execution;
}

/** Of `attempts a`, which may be joined from the outside. */
export const recordedFields = 'a.id, a.decision_id, a.state, a.result, a.receipt_id';

export interface RecordedRow {
  id: string | null;
  decision_id: string;
  state: 'planned' | 'attempting' | 'succeeded' | 'failed' | 'unknown';
  result: Stored | null;
  receipt_id: string | null;
}

/** @returns null for the row of a call that was never started */
export function recordedOf(row: RecordedRow): Recorded | null {
  const { id, state } = row;
  if (id === null) return null;
  const base = { attempt: id, decision: row.decision_id, replayed: true };
  if (state === 'planned' || state === 'attempting') {
    const reasons = [{ code: 'in_progress', text: 'This call was started and has no outcome yet.' }];
    return { id, state, execution: { ...base, status: 'unknown', reasons, text: reasons[0]?.text } };
  }
  const receipt = row.receipt_id ?? undefined;
  return { id, state: 'finished', execution: { ...base, status: state, ...row.result, receipt } };
}

/** What is recorded of this call of this message; null when it was never started. */
export async function findAttempt(db: Queryable, key: CallKey | { id: string }): Promise<Recorded | null> {
  const select = `select ${recordedFields} from attempts a where`;
  const { rows } = await db.query<RecordedRow>(
    'id' in key
      ? { name: 'find-attempt-by-id', text: `${select} id = $1`, values: [key.id] }
      : {
          name: 'find-attempt',
          text: `${select} message_id = $1 and step = $2 and digest = $3`,
          values: [key.messageId, key.step, key.digest],
        },
  );
  return rows[0] ? recordedOf(rows[0]) : null;
}
