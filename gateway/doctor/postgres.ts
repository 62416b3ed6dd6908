import type { Settings } from '../config/index.ts';
import { pendingMigrations, type Pool } from '../db/index.ts';
import { codeOf, counted, fail, ok, warn, type Finding } from './finding.ts';

/** How Postgres stands. */
export interface PostgresState {
  pending: readonly string[];
  fsync: string;
  synchronousCommit: string;
  /** How far its clock is ahead of ours; no more can be said than half the time of the question. */
  aheadMs: number;
}

/** @returns how it stands, or the code of why it does not answer */
export async function lookAtPostgres(pool: Pool): Promise<PostgresState | { unreachable: string }> {
  try {
    const asked = Date.now();
    const { rows } = await pool.query<{ fsync: string; synchronousCommit: string; now: Date }>(
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as "synchronousCommit",
         clock_timestamp() as now`,
    );
    const between = (asked + Date.now()) / 2;
    const [row] = rows as [(typeof rows)[number]];
    return {
      pending: await pendingMigrations(pool),
      fsync: row.fsync,
      synchronousCommit: row.synchronousCommit,
      aheadMs: row.now.getTime() - between,
    };
  } catch (error) {
    return { unreachable: codeOf(error) };
  }
}

const mostSkewMs = 2000;

/** Whether Postgres can be relied on. */
export function postgresFindings(
  state: PostgresState | { unreachable: string },
  environment: Settings['environment'],
): Finding[] {
  if ('unreachable' in state) {
    const text = `Postgres does not answer (${state.unreachable}).`;
    return [fail('postgres', text, 'Start it, or correct GATEHOUSE_DATABASE_URL.')];
  }
  const { pending, fsync, synchronousCommit, aheadMs } = state;
  // What is acknowledged and lost is a nuisance to a developer and a broken promise to everybody else.
  const unsafe = environment === 'development' ? warn : fail;
  const durable = (name: string, value: string): Finding =>
    value === 'off'
      ? unsafe(
          name,
          `${name} is off: a power cut loses messages that were acknowledged.`,
          `alter system set ${name} = on; select pg_reload_conf();`,
        )
      : ok(name, `${name} is ${value}.`);
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  const way = aheadMs > 0 ? 'ahead of' : 'behind';
  return [
    ok('postgres', 'Postgres answers.'),
    pending.length === 0
      ? ok('migrations', 'Its tables are up to date.')
      : fail(
          'migrations',
          `${counted(pending.length, 'migration')} did not run yet, the first is ${pending[0]}.`,
          'Start the gateway: npm start, or npx gatehouse gateway.',
        ),
    durable('fsync', fsync),
    durable('synchronous_commit', synchronousCommit),
    Math.abs(aheadMs) > mostSkewMs
      ? warn(
          'clock',
          `Its clock is ${seconds} s ${way} ours, so deadlines end at other times than people are told.`,
          'Let both machines keep their time by NTP.',
        )
      : ok('clock', 'Its clock agrees with ours.'),
  ];
}
