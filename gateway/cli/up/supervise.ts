import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from './part.ts';
import type { Reporter } from './steps.ts';

const delays = [500, 1000, 2000, 4000, 8000, 15_000];
const calmMs = 5 * 60_000;

/**
 * Starts a part again when it dies, later each time, and gives up after six deaths without five calm minutes between.
 * @param gaveUp called when the part is not started any more
 */
export function supervise(part: Part, report: Reporter, gaveUp: (part: Part) => void): () => void {
  let deaths = 0;
  let last = 0;
  let watching = true;
  const again = async (how: string): Promise<void> => {
    if (!watching) return;
    deaths = Date.now() - last > calmMs ? 1 : deaths + 1;
    last = Date.now();
    const delay = delays[deaths - 1];
    if (delay === undefined) {
      report.warn(`${part.name} ended again (${how}) and is not started any more`);
      gaveUp(part);
      return;
    }
    report.warn(`${part.name} ended (${how}); it is started again`);
    await sleep(delay);
    if (!watching || part.pid !== undefined) return;
    try {
      await part.start();
      report.warn(`${part.name} runs again`);
    } catch (error) {
      await again((error instanceof Error ? error.message : String(error)).split('\n', 1).join(''));
    }
  };
  part.onDeath = (how) => void again(how);
  return () => {
    watching = false;
  };
}
