import { recordReceipts } from '../audit/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { exceededBudget, type RunContext } from '../policy/index.ts';
import { attemptOf, openRows, openRowsFrom, type OpenRow } from './attempt-rows.ts';
import { finishAttempt, type Attempt, type Ending } from './attempts.ts';
import { shownNow } from './bound.ts';
import type { ToolsDeps } from './deps.ts';
import { targetOf } from './loan.ts';
import { outcomeReply } from './outcome-reply.ts';
import type { Perform, Ready } from './perform.ts';
import { lockRoom, roomOf, waitsForRoom } from './room.ts';
import type { ExecuteRequest, WaitsFor } from './types.ts';
import { roomSeconds } from './waiting.ts';

interface PlannedRow extends OpenRow {
  /** Seconds until it is due; negative once it is. */
  due_in: number;
  late: boolean;
  requeued: boolean;
  /** Why it waited until now. */
  waits_for: WaitsFor | null;
  follow_up: boolean;
}

/** A call that this process alone goes on with: to try it, or to end it for a cause. */
interface Claimed {
  call: Ready;
  attempt: Attempt;
  cause: Cause | null;
  waitedFor: WaitsFor | null;
}

/**
 * Tries a planned call again where all that it was decided under still holds, and tells its conversation how it ended where
 * that was promised. Does nothing for a call that has its outcome, is not due, or is tried by somebody else.
 * @param execute runs the reply where it was not stored with the outcome
 */
export async function tryAgain(
  deps: ToolsDeps,
  perform: Perform,
  execute: (run: RunContext, request: ExecuteRequest) => Promise<unknown>,
  id: string,
): Promise<void> {
  const { pool } = deps;
  const claimed = await transaction(pool, (tx) => claim(deps, tx, id)).catch((error: unknown) => {
    if (!exceededBudget(error)) throw error;
    return transaction(pool, (tx) => claim(deps, tx, id, 'budget'));
  });
  if (!claimed) return;
  const { call, attempt, cause } = claimed;
  const ending = cause ? endingFor(cause) : await endingBefore(deps, claimed);
  const execution = await perform.goOn(call, attempt, ending);
  if (execution.status === 'planned' || execution.replied) return;
  const { rows } = await pool.query(`select from attempts where id = $1 and follow_up`, [id]);
  if (rows.length > 0) await execute(call.run, outcomeReply(call.request, execution));
}

/** Takes a due call for this process, in the transaction that looks whether it may still be tried. */
async function claim(deps: ToolsDeps, tx: Transaction, id: string, known?: Cause): Promise<Claimed | null> {
  const row = await locked(tx, id);
  if (!row) return null;
  if (row.due_in > 0) {
    await deps.executor.later(tx, id, row.due_in);
    return null;
  }
  const call = await readyAgain(deps, tx, row);
  const cause = known ?? (call ? await causeToEnd(deps, tx, row) : 'forgotten');
  if (call && cause === null && !(await findsRoom(deps, tx, call, id))) return null;
  const planned = attemptOf(row, call?.tool, null);
  const attempt = { ...planned, tries: row.tries + (cause === null ? 1 : 0) };
  tx.send({
    name: 'claim-attempt',
    // It starts anew: by the age of a try recovery tells whether its gateway gave it up.
    text: `update attempts set state = 'attempting', started_at = now(), tries = $2, requeued = false,
      owner = current_setting('application_name') where id = $1`,
    values: [id, attempt.tries],
  });
  if (!call) {
    await finishAttempt(tx, deps.leases, attempt, endingFor('forgotten'));
    return null;
  }
  const claimed = { call, attempt, cause, waitedFor: row.waits_for };
  if (cause !== null) return claimed;
  const { tool, args, run } = call;
  if (row.requeued) deps.policy.chargeAgain(tx, row.decision_id, { ...run, tool: tool.name, args });
  const facts = { attempt: id, tool: tool.name, digest: row.digest, try: attempt.tries };
  recordReceipts(tx, [{ kind: 'attempt', messageId: row.message_id, decisionId: row.decision_id, facts }]);
  const connector = deps.connectors[tool.connector.kind];
  const secret = connector.secretFor?.(tool, args);
  if (secret === undefined) return claimed;
  const target = targetOf(connector, tool, args);
  const lease = deps.leases.open(tx, { attemptId: id, messageId: row.message_id, secret, target });
  return { ...claimed, attempt: { ...attempt, lease } };
}

async function locked(tx: Transaction, id: string): Promise<PlannedRow | undefined> {
  const { rows } = await tx.query<PlannedRow>(
    `${openRows}, a.requeued, a.waits_for, a.follow_up, extract(epoch from a.next_try_at - now())::float8 as due_in,
       a.deadline_at < now() as late
     ${openRowsFrom} where a.id = $1 and a.state = 'planned' for update of a`,
    [id],
  );
  return rows[0];
}

const causes = {
  restored:
    'The database was put back or taken over while it waited, so it is not known whether it was done.',
  late: 'It could not be done in time, so it was not done. An operator can let it be tried again.',
  rules: 'The rules changed while it waited, so it was not done. Ask for it again.',
  stopped: 'The kill switch was turned on while it waited, so it was not done.',
  forgotten: 'Its text was deleted while it waited, or its tool is gone, so it was not done.',
  budget: 'Its budget has not enough left by now, so it was not done.',
} as const;
type Cause = keyof typeof causes;

const endingFor = (cause: Cause): Ending => ({
  // A later state of the database that is gone may have done it.
  status: cause === 'restored' ? 'unknown' : 'failed',
  reasons: [{ code: `not_tried_${cause}`, text: causes[cause] }],
  text: causes[cause],
});

async function causeToEnd(deps: ToolsDeps, tx: Transaction, row: PlannedRow): Promise<Cause | null> {
  if (row.epoch !== deps.epoch.current()) return 'restored';
  if (row.late) return 'late';
  if (row.policy_version !== deps.policy.version) return 'rules';
  return (await deps.policy.killSwitchOn(row.decision_id, tx)) ? 'stopped' : null;
}

/** The call as it was decided; null once not all of that is known any more. */
async function readyAgain(deps: ToolsDeps, tx: Transaction, row: PlannedRow): Promise<Ready | null> {
  const tool = deps.catalogue.get(row.tool);
  const run = await deps.runContext(tx, row.run_id);
  if (!tool || !run || !row.args) return null;
  const request = { tool: tool.name, args: row.args, step: row.step, reply: row.follow_up };
  return { run, tool, request, args: row.args, digest: row.digest, binding: null };
}

/** Puts a call off for which there is no room. */
async function findsRoom(
  { executor }: ToolsDeps,
  tx: Transaction,
  { tool }: Ready,
  id: string,
): Promise<boolean> {
  const room = roomOf(tool);
  if (!room) return true;
  lockRoom(tx, room);
  const { rows } = await tx.query(
    `update attempts set waits_for = room.waits_for, next_try_at = now() + make_interval(secs => $4)
     from (select ${waitsForRoom('$2', '$3')} as waits_for) as room
     where id = $1 and room.waits_for is not null returning id`,
    [id, room.account, room.concurrency, roomSeconds],
  );
  if (rows.length > 0) await executor.later(tx, id, roomSeconds);
  return rows.length === 0;
}

/** Looks once more at what was approved: while it waited, the world went on. A system that is still away is waited for. */
async function endingBefore(
  deps: ToolsDeps,
  { call, attempt, waitedFor }: Claimed,
): Promise<Ending | undefined> {
  const held = await shownNow(deps, call, attempt.decisionId);
  if (held === null) return undefined;
  if ('unavailable' in held) {
    const waitsFor = waitedFor === 'secrets' ? waitedFor : 'unreachable';
    const again = { waitsFor, seconds: undefined } as const;
    return { status: 'failed', reasons: [held.unavailable], text: held.unavailable.text, again };
  }
  const text = `It would do something else than what was approved, so it was not done. ${held.changed.join(' ')}`;
  return { status: 'failed', reasons: [{ code: 'preview_changed', text }], text };
}
