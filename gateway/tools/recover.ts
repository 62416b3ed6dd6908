import { transaction } from '../db/index.ts';
import type { RunContext } from '../policy/index.ts';
import { finishAttempt } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import { runCall } from './run-call.ts';

interface StartedRow {
  id: string;
  decision_id: string;
  message_id: string;
  tool: string;
  digest: string;
  args: Record<string, unknown> | null;
  run_id: string;
  principal: string | null;
  actor: RunContext['actor'] | null;
  epoch: number;
}

/**
 * Settles attempts that have no outcome because the gateway died: an idempotent call of this epoch runs again under
 * the same attempt id, everything else becomes `unknown`, as does every call while the kill switch is on.
 * @param isRunning says whether this process still works on an attempt
 * @returns how many were settled
 */
export async function recoverAttempts(
  deps: ToolsDeps,
  olderThanSeconds: number,
  isRunning: (attempt: string) => boolean,
): Promise<number> {
  const { rows } = await deps.pool.query<StartedRow>(
    `select a.id, a.decision_id, a.message_id, a.tool, a.digest, d.args, d.run_id, d.principal, r.actor, g.epoch
     from attempts a
     join decisions d on d.id = a.decision_id
     join grants g on g.id = a.grant_id
     left join runs r on r.id = d.run_id
     where a.state = 'started' and a.started_at <= now() - make_interval(secs => $1) order by a.started_at`,
    [olderThanSeconds],
  );
  const left = rows.filter((row) => !isRunning(row.id));
  for (const row of left) {
    const attempt = {
      id: row.id,
      decisionId: row.decision_id,
      messageId: row.message_id,
      tool: row.tool,
      digest: row.digest,
    };
    const tool = deps.catalogue.get(row.tool);
    const again =
      tool?.idempotencyKey === 'attempt' &&
      row.args &&
      row.actor &&
      row.epoch === deps.epoch.current() &&
      !(await deps.policy.killSwitchOn())
        ? { tool, args: row.args, actor: row.actor }
        : null;
    const ending = again
      ? await runCall(deps, {
          attempt,
          tool: again.tool,
          args: again.args,
          caller: {
            runId: row.run_id,
            messageId: row.message_id,
            principal: row.principal,
            actor: again.actor,
          },
        })
      : interrupted;
    await transaction(deps.pool, (tx) => finishAttempt(tx, attempt, ending));
    deps.log.info({ attempt: row.id, tool: row.tool, status: ending.status }, 'settled a call after a crash');
  }
  return left.length;
}

const interruptedText =
  'The gateway stopped during this call, and it cannot be repeated safely. Check its effect.';
const interrupted = {
  status: 'unknown' as const,
  reasons: [{ code: 'interrupted', text: interruptedText }],
  text: interruptedText,
};
