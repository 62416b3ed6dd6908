import { transaction } from '../db/index.ts';
import { destinationsOf, type RunContext } from '../policy/index.ts';
import { finishAttempt } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import { runCall } from './run-call.ts';

/** Two tries of the longest time limit in the catalogue's schema, and some more. */
const longestCall = '15 minutes';

interface StartedRow {
  id: string;
  decision_id: string;
  message_id: string;
  session_key: string;
  tool: string;
  digest: string;
  args: Record<string, unknown> | null;
  run_id: string;
  principal: string | null;
  actor: RunContext['actor'] | null;
  epoch: number;
}

/**
 * Settles attempts that have no outcome because their gateway died: an idempotent call of this epoch runs again under
 * the same attempt id, everything else becomes `unknown`, as does every call that a kill switch stops.
 * @param olderThanSeconds leaves younger attempts of this process alone; those of a gateway that lives are its own
 * @param isRunning says whether this process still works on an attempt
 * @returns how many were settled
 */
export async function recoverAttempts(
  deps: ToolsDeps,
  olderThanSeconds: number,
  isRunning: (attempt: string) => boolean,
): Promise<number> {
  // A gateway is looked for by its connections. One that was cut off may leave them behind for hours, so after the
  // longest time that a call can take its attempts are nobody's as well.
  const { rows } = await deps.pool.query<StartedRow>(
    `select a.id, a.decision_id, a.message_id, d.session_key, a.tool, a.digest, d.args, d.run_id, d.principal, r.actor, g.epoch
     from attempts a
     join decisions d on d.id = a.decision_id
     join grants g on g.id = a.grant_id
     left join runs r on r.id = d.run_id
     where a.state = 'started' and case
       when a.owner = current_setting('application_name') then a.started_at <= now() - make_interval(secs => $1)
       when a.started_at <= now() - $2::interval then true
       else not exists (select 1 from pg_stat_activity p
         where p.datname = current_database() and p.application_name = a.owner) end
     order by a.started_at`,
    [olderThanSeconds, longestCall],
  );
  // A preview changes nothing, so what one had on loan only has to end.
  await deps.pool.query(
    `update leases set ended_at = now() where ended_at is null and attempt_id like 'prv\\_%'
     and issued_at < now() - $1::interval`,
    [longestCall],
  );
  let settled = 0;
  for (const row of rows.filter((entry) => !isRunning(entry.id))) {
    try {
      await settle(deps, row);
      settled += 1;
    } catch (error) {
      // Another gateway was faster, or Postgres went away: the next look finds what is left.
      deps.log.warn({ err: error, attempt: row.id }, 'a call could not be settled after a crash');
    }
  }
  return settled;
}

async function settle(deps: ToolsDeps, row: StartedRow): Promise<void> {
  const tool = deps.catalogue.get(row.tool);
  const attempt = {
    id: row.id,
    decisionId: row.decision_id,
    messageId: row.message_id,
    sessionKey: row.session_key,
    tool: row.tool,
    digest: row.digest,
    destinations: tool && row.args ? destinationsOf(tool, row.args).map(({ digest }) => digest) : [],
    lease: await deps.leases.resume(deps.pool, row.id),
  };
  const again =
    tool?.idempotencyKey === 'attempt' &&
    row.args &&
    row.actor &&
    row.epoch === deps.epoch.current() &&
    !(await deps.policy.killSwitchOn(row.decision_id))
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
        tried: true,
      })
    : interrupted;
  await transaction(deps.pool, (tx) => finishAttempt(tx, deps.leases, attempt, ending));
  deps.log.info({ attempt: row.id, tool: row.tool, status: ending.status }, 'settled a call after a crash');
}

const interruptedText =
  'The gateway stopped during this call, and it cannot be repeated safely. Check its effect.';
const interrupted = {
  status: 'unknown' as const,
  reasons: [{ code: 'interrupted', text: interruptedText }],
  text: interruptedText,
};
