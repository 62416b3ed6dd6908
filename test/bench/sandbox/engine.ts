import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { containerOf, defaultLimits } from '../../../gateway/sandbox/container.ts';
import { defaultImages, type Language } from '../../../gateway/sandbox/index.ts';
import { launch } from '../../../gateway/sandbox/launch.ts';

type Launched = Awaited<ReturnType<typeof launch>>;

/** Does something with a container in the posture of ours, which no runner knows. */
async function withContainer<T>(
  language: Language,
  entrypoint: string[] | undefined,
  use: (launched: Launched) => Promise<T>,
): Promise<T> {
  const runner = { id: 'bench', url: 'http://127.0.0.1:9' };
  const posture = { image: defaultImages[language], runner, uid: 60_578, language, limits: defaultLimits };
  const options = containerOf(posture);
  const launched = await launch(
    new Docker(),
    entrypoint ? { ...options, Entrypoint: entrypoint } : options,
    () => undefined,
  );
  try {
    return await use(launched);
  } finally {
    await launched.container.remove({ force: true });
  }
}

/** Reads as fast as can be, and says so. */
const reader = (bytes: number): string => `import fcntl, os
fcntl.fcntl(0, 1031, 1 << 20)
piece, left = memoryview(bytearray(1 << 17)), ${bytes}
os.write(1, b"ready\\n")
while left > 0: left -= os.readv(0, [piece[:left]])
os.write(1, b"done\\n")`;

/** What the engine alone takes to carry bytes into a container that waits, and one line back; in milliseconds. */
export function carried(content: Uint8Array, settle: number): Promise<number> {
  const entrypoint = ['python3', '-I', '-c', reader(content.byteLength)];
  return withContainer('python', entrypoint, async ({ open, write }) => {
    await sleep(settle);
    const began = performance.now();
    const done = new Promise<number>((resolve) => open(() => resolve(performance.now() - began)));
    write(content);
    return done;
  });
}

/** What one container that waits takes, in MB, as its control group counts it. */
export function waitingMemory(language: Language): Promise<number> {
  return withContainer(language, undefined, async ({ container }) => {
    await sleep(500);
    const stats = await container.stats({ stream: false });
    const shared = (stats.memory_stats.stats as { total_inactive_file?: number }).total_inactive_file ?? 0;
    return (stats.memory_stats.usage - shared) / 2 ** 20;
  });
}
