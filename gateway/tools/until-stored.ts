import { setTimeout as sleep } from 'node:timers/promises';
import { isOutage } from '../db/index.ts';
import { missedItsRow } from '../policy/index.ts';
import { findAttempt, type Attempt } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import type { Execution } from './types.ts';

/** By then others take the call for abandoned; see recover.ts. */
const longestMs = 9 * 60_000;
const firstPauseMs = 200;
const longestPauseMs = 5000;

/**
 * Records what became of a call. Only this process knows it, so a Postgres that goes away meanwhile is waited for; what a
 * lost answer leaves open is looked up.
 * @throws what `store` throws where that is no outage, or lasts longer than nine minutes
 */
export async function untilStored(
  { pool, log }: Pick<ToolsDeps, 'pool' | 'log'>,
  attempt: Attempt,
  store: () => Promise<Execution>,
): Promise<Execution> {
  const until = Date.now() + longestMs;
  for (let pause = firstPauseMs; ; pause = Math.min(longestPauseMs, pause * 2)) {
    try {
      return await store();
    } catch (error) {
      const stored = missedItsRow(error) ? await findAttempt(pool, { id: attempt.id }) : null;
      if (stored?.state === 'finished') return stored.execution;
      if (stored?.state === 'planned') return { status: 'planned' };
      if (!isOutage(error) || Date.now() > until) throw error;
      log.warn({ err: error, attempt: attempt.id }, 'the outcome of a call cannot be stored yet');
      await sleep(pause);
    }
  }
}
