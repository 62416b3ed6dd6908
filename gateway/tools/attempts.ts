import { recordReceipts } from '../audit/index.ts';
import type { Pool, Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';
import { settleFacts, type Presented, type Reason } from '../policy/index.ts';
import type { Lease, Leases, LeaseTarget } from '../vault/index.ts';
import type { Execution } from './types.ts';

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
}

/** How an attempt ended. */
export interface Ending {
  status: 'succeeded' | 'failed' | 'unknown';
  result?: unknown;
  text?: string;
  reasons?: Reason[];
  /** Tokens of a language model that it says it used. */
  tokens?: number | null;
  commit?: (tx: Transaction) => Promise<void>;
}

type Stored = Pick<Ending, 'result' | 'text' | 'reasons'>;

/**
 * Records the attempt and opens its lease in the transaction that spent its grant, before anything happens outside.
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
  },
): Attempt {
  const { messageId, sessionKey, tool, digest, decisionId } = presented;
  const { step, secret, target, destinations } = call;
  const id = `att_${uuidv7()}`;
  tx.send({
    name: 'start-attempt',
    text: `insert into attempts (id, grant_id, decision_id, message_id, step, tool, digest, state, owner)
       values ($1, $2, $3, $4, $5, $6, $7, 'started', current_setting('application_name'))`,
    values: [id, presented.grant, decisionId, messageId, step, tool, digest],
  });
  recordReceipts(tx, [{ kind: 'attempt', messageId, decisionId, facts: { attempt: id, tool, digest } }]);
  const lease = secret === null ? null : leases.open(tx, { attemptId: id, messageId, secret, target });
  return { id, decisionId, messageId, sessionKey, tool, digest, destinations, lease };
}

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
  const { commit, status, tokens = null, ...stored } = ending;
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
  ]);
  if (attempt.lease !== null) leases.end(tx, attempt.lease);
  settleFacts(tx, { ...attempt, tokens }, status);
  tx.send({
    name: 'finish-attempt',
    // Where it is not the one row, somebody else finished it: dividing by the count fails the transaction without a
    // round trip to find out.
    text: `with finished as (
         update attempts set state = $2, result = $3, receipt_id = $4, finished_at = now()
         where id = $1 and state = 'started' returning id
       ) select 1 / count(*) from finished`,
    values: [attempt.id, status, JSON.stringify(stored), receipt],
  });
  return { status, ...stored, receipt, attempt: attempt.id, decision: attempt.decisionId };
}

/** What is recorded of this call of this message; null when it was never started. `started` has no outcome yet. */
export async function findAttempt(
  pool: Pool,
  key: { messageId: string; step: string; digest: string },
): Promise<{ id: string; state: 'started' | 'finished'; execution: Execution } | null> {
  const { rows } = await pool.query<{
    id: string;
    decision_id: string;
    state: 'started' | 'succeeded' | 'failed' | 'unknown';
    result: Stored | null;
    receipt_id: string | null;
  }>({
    name: 'find-attempt',
    text: `select id, decision_id, state, result, receipt_id from attempts
      where message_id = $1 and step = $2 and digest = $3`,
    values: [key.messageId, key.step, key.digest],
  });
  const row = rows[0];
  if (!row) return null;
  const base = { attempt: row.id, decision: row.decision_id, replayed: true };
  if (row.state === 'started') {
    const reasons = [{ code: 'in_progress', text: 'This call was started and has no outcome yet.' }];
    return {
      id: row.id,
      state: 'started',
      execution: { ...base, status: 'unknown', reasons, text: reasons[0]?.text },
    };
  }
  const receipt = row.receipt_id ?? undefined;
  return { id: row.id, state: 'finished', execution: { ...base, status: row.state, ...row.result, receipt } };
}
