import { renderSentence, type Tool } from '../catalogue/index.ts';
import { transaction } from '../db/index.ts';
import { attemptOf, callerOf, openRows, openRowsFrom, type OpenRow } from './attempt-rows.ts';
import { finishAttempt, type Attempt, type Ending } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import { targetOf, withLoan } from './loan.ts';
import { runCall } from './run-call.ts';
import type { Caller, ProbeResult } from './types.ts';

/** Two tries of the longest time limit in the catalogue's schema, and some more. */
const longestCall = '15 minutes';

interface StartedRow extends OpenRow {
  age_seconds: number;
}

/**
 * Settles attempts that have no outcome because their gateway died: an idempotent call of this epoch runs again under
 * the same attempt id, one that its connector can look for is settled by what it finds, everything else becomes `unknown`,
 * as does every call that a kill switch stops.
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
    `${openRows}, extract(epoch from now() - a.started_at)::float8 as age_seconds
     ${openRowsFrom} where a.state = 'attempting' and case
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
      if (await settle(deps, row)) settled += 1;
    } catch (error) {
      // Another gateway was faster, or Postgres went away: the next look finds what is left.
      deps.log.warn({ err: error, attempt: row.id }, 'a call could not be settled after a crash');
    }
  }
  return settled;
}

/** @returns false for a call that is left for the next look */
async function settle(deps: ToolsDeps, row: StartedRow): Promise<boolean> {
  const tool = deps.catalogue.get(row.tool);
  const attempt = attemptOf(row, tool, await deps.leases.resume(deps.pool, row.id));
  const mayTouch = row.epoch === deps.epoch.current() && !(await deps.policy.killSwitchOn(row.decision_id));
  let ending: Ending | null = interrupted;
  const caller = callerOf(row);
  if (mayTouch && tool && row.args && caller) {
    const call = { attempt, tool, args: row.args, caller };
    ending =
      tool.idempotencyKey === 'attempt'
        ? await runCall(deps, { ...call, tried: true })
        : await lookedFor(deps, call, row.age_seconds);
  }
  if (!ending) return false;
  const settled = ending;
  await transaction(deps.pool, (tx) => finishAttempt(tx, deps.leases, attempt, settled));
  deps.log.info({ attempt: row.id, tool: row.tool, status: ending.status }, 'settled a call after a crash');
  return true;
}

/**
 * What the system of record says of a call that cannot be repeated.
 * @returns null where it has not happened and still might: what was sent can be on its way until the call's time is over
 */
async function lookedFor(
  deps: ToolsDeps,
  {
    attempt,
    tool,
    args,
    caller,
  }: { attempt: Attempt; tool: Tool; args: Record<string, unknown>; caller: Caller },
  ageSeconds: number,
): Promise<Ending | null> {
  const connector = deps.connectors[tool.connector.kind];
  const probe = connector.probe?.bind(connector);
  if (!probe) return interrupted;
  const signal = AbortSignal.timeout(tool.timeoutSeconds * 1000);
  const ask = (secret: string | undefined): Promise<ProbeResult> =>
    probe({ attempt: attempt.id, tool, args, caller, signal, secret });
  const found = await withLoan(deps.leases, attempt, targetOf(connector, tool, args), ask).catch(
    (): ProbeResult => 'unknown',
  );
  if (found === 'happened')
    return { status: 'succeeded', result: {}, text: `${renderSentence(tool.sentence, args)}: it was done.` };
  if (found === 'unknown') return interrupted;
  if (ageSeconds < tool.timeoutSeconds) return null;
  return {
    status: 'failed',
    reasons: [{ code: 'interrupted_before', text: notDoneText }],
    text: notDoneText,
  };
}

const notDoneText =
  'The gateway stopped before this call had its effect, so nothing was done. Ask for it again.';
const interruptedText =
  'The gateway stopped during this call, and it cannot be repeated safely. Check its effect.';
const interrupted = {
  status: 'unknown' as const,
  reasons: [{ code: 'interrupted', text: interruptedText }],
  text: interruptedText,
};
