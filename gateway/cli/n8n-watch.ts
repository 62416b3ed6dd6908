import { setTimeout as sleep } from 'node:timers/promises';
import type { Synced } from '../vault/index.ts';

const everyMs = 60_000;
const leastMs = 1000;

/**
 * Looks when the next credential is due, and each minute for what was rotated, changed or failed, until `signal` ends it.
 * @param look writes what is due; what it throws is told, and the next look tries again
 * @param options.told hears of a look in which something was done
 * @param options.pause waits; replaced in tests
 */
export async function watchCredentials<Done extends { synced: readonly Synced[] }>(
  look: () => Promise<Done>,
  options: {
    told: (done: Done) => void;
    failed: (error: unknown) => void;
    signal: AbortSignal;
    pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  },
): Promise<void> {
  const { told, failed, signal, pause = (ms) => sleep(ms, undefined, { signal }) } = options;
  while (!signal.aborted) {
    let next = everyMs;
    try {
      const done = await look();
      if (done.synced.some(({ state }) => state !== 'kept')) told(done);
      const dues = done.synced.flatMap(({ due, state }) =>
        due && state !== 'failed' && due.getTime() > Date.now() ? [due.getTime() - Date.now()] : [],
      );
      next = Math.max(leastMs, Math.min(everyMs, ...dues));
    } catch (error) {
      // The database or n8n may be back the next time.
      failed(error);
    }
    await pause(next, signal).catch(() => undefined);
  }
}
