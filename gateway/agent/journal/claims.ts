import type { Pool } from '../../db/index.ts';
import type { Lack } from '../models/index.ts';
import type { Claimed } from '../types.ts';

/** Without a sign of life for so long, a run is anybody's. */
export const leaseSeconds = 60;

/** The step that a run is at was written by somebody else, or the run is not this process's any more. */
export class MovedOn extends Error {}

/**
 * Takes a run that is due: a new one, one that a person answered, one whose time has come, or one whose gateway is gone. Whoever
 * held it before can write nothing any more.
 * @returns null where none is due
 */
export async function claimNext(pool: Pool): Promise<Claimed | null> {
  const { rows } = await pool.query<Claimed>({
    name: 'claim-agent-run',
    text: `with due as (
        select id from agent_runs r where state = 'queued'
          or (state = 'waiting' and (wake_at <= now() or exists (select from approvals a
            where a.root = any(r.waits_for) and a.state not in ('pending', 'superseded'))))
          or (state = 'running' and (lease_until < now() or not exists (select from pg_stat_activity p
            where p.datname = current_database() and p.application_name = r.owner)))
        order by created_at limit 1 for update skip locked
      )
      update agent_runs r set state = 'running', owner = current_setting('application_name'), claim = claim + 1,
        wake_at = null, waits_for = '{}', lease_until = now() + make_interval(secs => ${leaseSeconds})
      from due where r.id = due.id
      returning r.id, claim, run_id as "runId", message_id as "messageId", session_key as "sessionKey", principal, task,
        request, opening, last_step as "lastStep", lacks`,
  });
  return rows[0] ?? null;
}

/** Says that these runs are still worked on. @returns those that are still this process's */
export async function renew(pool: Pool, runs: readonly Pick<Claimed, 'id' | 'claim'>[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `update agent_runs r set lease_until = now() + make_interval(secs => ${leaseSeconds})
     from unnest($1::uuid[], $2::int[]) as held (id, claim)
     where r.id = held.id and r.claim = held.claim and r.state in ('running', 'paused') returning r.id`,
    [runs.map(({ id }) => id), runs.map(({ claim }) => claim)],
  );
  return rows.map(({ id }) => id);
}

/** @returns those of these runs that have ended */
export async function areOver(pool: Pool, ids: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    'select id from agent_runs where id = any($1::uuid[]) and finished_at is not null',
    [ids],
  );
  return rows.map(({ id }) => id);
}

/**
 * Lets go of a run. One that was paused or stopped meanwhile stays so.
 * @param until what it waits for, or null where it goes on at once
 */
export async function letGo(
  pool: Pool,
  { id, claim }: Pick<Claimed, 'id' | 'claim'>,
  until: { waitsFor: readonly string[]; wakeSeconds: number | null; lacks?: Lack | null } | null,
): Promise<void> {
  await pool.query(
    `update agent_runs set owner = null, lease_until = null, waits_for = $4,
       wake_at = now() + make_interval(secs => $5), lacks = $6,
       state = case when state = 'running' then $3 else state end
     where id = $1 and claim = $2 and finished_at is null`,
    [
      id,
      claim,
      until ? 'waiting' : 'queued',
      until?.waitsFor ?? [],
      until?.wakeSeconds ?? null,
      until?.lacks ?? null,
    ],
  );
}
