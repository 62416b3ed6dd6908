import type { Logger } from '../config/index.ts';
import { transaction, type Pool, type Transaction } from '../db/index.ts';
import { Loop } from '../delivery/index.ts';
import { nextTime, type Cron } from '../sessions/index.ts';
import type { Executor } from './types.ts';

/** What is done at set times. */
export interface Schedule extends Cron {
  name: string;
  /** What becomes of times at which no gateway ran: none is made up for, the latest is, or each is. */
  missed: 'skip' | 'once' | 'all';
}

/** One time of one schedule; its job's name is the same in every gateway. */
export interface Due {
  name: string;
  at: Date;
}

const jobOf = (name: string, at: Date): string => `schedule:${name}@${at.toISOString()}`;

/** @returns the time that a job is for; null for a job that is none of a schedule */
export function dueOf(job: string): Due | null {
  const [, name, at] = /^schedule:([^@]+)@(.+)$/.exec(job) ?? [];
  return name === undefined || at === undefined ? null : { name, at: new Date(at) };
}

/** Later than this a time was missed. */
const graceMs = 60_000;
/** Of a schedule that runs often, nobody wants a year made up for. */
const mostMadeUp = 100;
const lookMs = 2000;

/**
 * Hands the times of schedules to the executor as they come, each once over all gateways, by the clock of Postgres.
 * @param deps.list the schedules as they are declared now
 */
export function createSchedules(deps: {
  pool: Pool;
  executor: Pick<Executor, 'later'>;
  list: () => readonly Schedule[];
  log: Logger;
}): { look(): Promise<void>; start(): () => Promise<void> } {
  const { pool, executor, list, log } = deps;
  const look = (): Promise<void> =>
    transaction(pool, async (tx) => {
      const { rows } = await tx.query<{ now: Date }>('select now() as now');
      const now = rows[0]?.now ?? new Date();
      for (const schedule of list()) await lookAt(tx, executor, schedule, now);
    });
  return {
    look,
    start() {
      const loop = new Loop(look, lookMs, log);
      loop.start();
      return () => loop.stop();
    },
  };
}

async function lookAt(
  tx: Transaction,
  executor: Pick<Executor, 'later'>,
  schedule: Schedule,
  now: Date,
): Promise<void> {
  const expression = `${schedule.cron} ${schedule.timezone}`;
  const { rows } = await tx.query<{ due_at: Date }>(
    `insert into schedules as s (name, expression, due_at) values ($1, $2, $3)
     on conflict (name) do update set expression = excluded.expression,
       due_at = case when s.expression = excluded.expression then s.due_at else excluded.due_at end
     returning due_at`,
    [schedule.name, expression, nextTime(schedule, now)],
  );
  const due = rows[0]?.due_at;
  if (!due || due > now) return;
  for (const at of timesToRun(schedule, due, now)) await executor.later(tx, jobOf(schedule.name, at), 0);
  await tx.query('update schedules set due_at = $2 where name = $1', [
    schedule.name,
    nextTime(schedule, now),
  ]);
}

/** The times from `due` to `now` that are run: those that are on time, and of those that were missed what its file says. */
export function timesToRun(schedule: Schedule, due: Date, now: Date): Date[] {
  const times: Date[] = [];
  for (let at = due; at <= now; at = nextTime(schedule, at)) {
    times.push(at);
    if (times.length > mostMadeUp) times.shift();
  }
  const onTime = times.filter((at) => now.getTime() - at.getTime() <= graceMs);
  const missed = times.slice(0, times.length - onTime.length);
  if (schedule.missed === 'all') return times;
  return schedule.missed === 'once' && onTime.length === 0 ? missed.slice(-1) : onTime;
}
