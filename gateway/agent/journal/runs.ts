import { recordReceipts } from '../../audit/index.ts';
import { transaction, type Pool, type Queryable, type Transaction } from '../../db/index.ts';
import type { RunContext } from '../../policy/index.ts';
import type { Lack } from '../models/index.ts';
import type { AgentRequest, AgentResult, Claimed, EndedBy, Opening, RunState, Used } from '../types.ts';

/** Wakes the agent of any gateway once the transaction is committed. */
export const runsSignal = 'agent_runs';

/** A run as it is shown. */
export interface RunRow {
  id: string;
  state: RunState;
  task: string;
  sessionKey: string;
  principal: string | null;
  messageId: string;
  endedBy: EndedBy | null;
  result: AgentResult | null;
  waitsFor: string[];
  /** The key that it waits for. */
  lacks: Lack | null;
  used: Used;
  createdAt: Date;
  finishedAt: Date | null;
}

/** Stores a new run with its receipt. @returns its id, or that of the same request of before */
export async function storeRun(
  tx: Transaction,
  context: RunContext,
  run: { id: string; digest: string; request: AgentRequest; opening: Opening },
): Promise<string> {
  const { id, digest, request, opening } = run;
  const key = [context.messageId, request.step, digest];
  const { rows } = await tx.query<{ id: string }>(
    `insert into agent_runs (id, run_id, message_id, session_key, principal, step, digest, task, request, opening)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (message_id, step, digest) do nothing returning id`,
    [
      ...[id, context.runId, context.messageId, context.sessionKey, context.principal, request.step, digest],
      ...[request.task, JSON.stringify(request), JSON.stringify(opening)],
    ],
  );
  if (!rows[0]) {
    const known = await tx.query<{ id: string }>(
      'select id from agent_runs where message_id = $1 and step = $2 and digest = $3',
      key,
    );
    return known.rows[0]?.id ?? id;
  }
  const { name, version, digest: prompt } = opening.prompt;
  recordReceipts(tx, [
    {
      kind: 'agent.started',
      messageId: context.messageId,
      facts: {
        ...{ agentRun: id, task: request.task, request: digest, principal: context.principal },
        ...{ prompt: name, promptVersion: version, promptDigest: prompt, tools: opening.tools },
      },
    },
  ]);
  notify(tx, id);
  return id;
}

/** Wakes the agent of every gateway once the transaction is committed. */
export const notify = (tx: Transaction, id: string): void =>
  tx.send({ text: 'select pg_notify($1, $2)', values: [runsSignal, id] });

/** Reads a run; null for one that there is not. */
export async function readRun(db: Queryable, id: string, lock = false): Promise<RunRow | null> {
  const { rows } = await db.query<RunRow>(
    `select id, state, task, session_key as "sessionKey", principal, message_id as "messageId", ended_by as "endedBy", result,
       waits_for as "waitsFor", lacks, created_at as "createdAt", finished_at as "finishedAt",
       json_build_object('steps', model_steps, 'calls', calls, 'tokensIn', tokens_in, 'tokensOut', tokens_out,
         'cost', cost, 'seconds', active_ms / 1000) as used
     from agent_runs where id = $1 ${lock ? 'for update' : ''}`,
    [id],
  );
  return rows[0] ?? null;
}

/** How a run ends. */
export interface Ending {
  state: 'done' | 'failed' | 'stopped';
  by: EndedBy;
  result: AgentResult;
}

/**
 * Ends a run that this process holds, with its receipt.
 * @param after the last step that the ending is made of: one that came since is not left unread
 * @param also what is done in the same transaction
 * @returns false where it moved on meanwhile
 */
export async function endHeld(
  pool: Pool,
  { id, claim }: Pick<Claimed, 'id' | 'claim'>,
  after: number,
  ending: Ending,
  also?: (tx: Transaction) => Promise<void>,
): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query(
      `select from agent_runs where id = $1 and claim = $2 and last_step = $3 and state = 'running' for update`,
      [id, claim, after],
    );
    if (rows.length === 0) return false;
    await end(tx, id, ending);
    await also?.(tx);
    return true;
  });
}

/** Ends a run that the transaction has locked. */
export async function end(tx: Transaction, id: string, { state, by, result }: Ending): Promise<void> {
  const run = await readRun(tx, id);
  await tx.query(
    `update agent_runs set state = $2, ended_by = $3, result = $4, finished_at = now(), owner = null, lease_until = null,
       waits_for = '{}', wake_at = null, lacks = null where id = $1`,
    [id, state, by, JSON.stringify(result)],
  );
  // What a single run may use is its own, and all that it took is settled.
  await tx.query(`delete from budgets where holder = $1 and budget like 'agent.run.%'`, [id]);
  await tx.query(
    `delete from reservations where decision_id in (select 'agent:' || id || ':' || number
       from agent_runs, generate_series(1, last_step) as number where id = $1)`,
    [id],
  );
  const { steps = 0, calls = 0, tokensIn = 0, tokensOut = 0, cost = 0, seconds = 0 } = run?.used ?? {};
  recordReceipts(tx, [
    {
      kind: 'agent.ended',
      messageId: run?.messageId ?? null,
      facts: { agentRun: id, state, by, steps, calls, tokensIn, tokensOut, cost, seconds },
    },
  ]);
  notify(tx, id);
}
