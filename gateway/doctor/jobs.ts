import type { Job, Pause } from '../tools/index.ts';
import { counted, note, ok, warn, type Finding } from './finding.ts';

/** What waits to be tried again, what was given up, and what is paused. */
export function jobsFindings(jobs: readonly Job[], pauses: readonly Pause[]): Finding[] {
  const waiting = jobs.filter(({ state }) => state === 'planned');
  const givenUp = jobs.filter(({ state }) => state === 'given_up');
  const paused = pauses.map(({ scope, by, since, reason }) =>
    warn(
      'paused',
      `${scope === 'all' ? 'Every call to a system' : `Each call of ${scope}`} waits, paused by ${by} since ${since.toISOString().slice(0, 16)}: ${reason}`,
      `npx gatehouse jobs resume ${scope}`,
    ),
  );
  const accounts = [...new Set(waiting.map(({ account }) => account ?? ''))].join(', ');
  return [
    ...paused,
    ...(waiting.length > 0
      ? [note('waiting', `${counted(waiting.length, 'call')} of ${accounts} will be tried again.`)]
      : [ok('waiting', 'No call waits to be tried again.')]),
    ...(givenUp.length > 0
      ? [
          warn(
            'given-up',
            `${counted(givenUp.length, 'call')} of the last week could not be done in time and had no effect.`,
            'Look at them with npx gatehouse jobs list; jobs requeue has one tried again.',
          ),
        ]
      : []),
  ];
}
