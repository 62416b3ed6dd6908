import { parentPort, workerData } from 'node:worker_threads';
import { openCandidate } from './candidate.ts';
import { effectWords } from './effects.ts';
import type { Difference, FromWorker, ToWorker } from './shadow.ts';

/** Runs in a thread of its own: whatever the candidate does, no decision waits for it. */
const { path, beside } = workerData as { path: string; beside: string };
const say = (message: FromWorker): void => parentPort?.postMessage(message);

try {
  const candidate = await openCandidate(path, beside);
  say({ kind: 'ready', candidate: candidate.version });
  parentPort?.on('message', (batch: ToWorker) => {
    void compare(batch);
  });

  async function compare(batch: ToWorker): Promise<void> {
    const differences: Difference[] = [];
    for (const { id, tool, live, input } of batch) {
      const verdict = await candidate.decide(JSON.parse(input) as never);
      const shadow = effectWords(verdict);
      if (shadow !== live)
        differences.push({ id, tool, live, shadow, reasons: verdict.reasons.map((reason) => reason.code) });
    }
    say({ kind: 'compared', count: batch.length, differences });
  }
} catch (error) {
  say({ kind: 'failed', text: error instanceof Error ? error.message : String(error) });
}
