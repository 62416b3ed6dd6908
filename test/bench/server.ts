import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A server under test in a process of its own, so that the load generator does not share its event loop. */
export interface BenchServer<Ready> {
  ready: Ready;
  stop(): Promise<void>;
}

/**
 * Forks `module`, which calls `serve`.
 * @param variant which of the compared servers to be
 */
export async function startServer<Ready>(
  module: string,
  variant: string,
  data: object,
): Promise<BenchServer<Ready>> {
  const child = fork(module, [variant, JSON.stringify(data)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ready = await answerOf<Ready>(child);
  return {
    ready,
    async stop() {
      const gone = once(child, 'exit');
      child.send('stop');
      await gone;
    },
  };
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const died = new AbortController();
  const exit = (): void => died.abort(new Error(`${child.spawnfile} ended before it answered`));
  child.once('exit', exit);
  try {
    const [answer] = (await once(child, 'message', { signal: died.signal })) as [Answer];
    return answer;
  } finally {
    child.off('exit', exit);
  }
}

/**
 * The forked side: tells the parent that it is ready, and stops at its first word.
 * @param start gets the variant and the parent's data
 */
export async function serve<Data>(
  start: (
    variant: string,
    data: Data,
  ) => Promise<{
    ready: object;
    answers?: Record<string, () => Promise<unknown>>;
    stop: () => Promise<void>;
  }>,
): Promise<void> {
  const [, , variant = '', data = '{}'] = process.argv;
  const { ready, stop } = await start(variant, JSON.parse(data) as Data);
  process.once('message', () => void stop().then(() => process.exit(0)));
  process.on('disconnect', () => process.exit(1));
  process.send?.(ready);
}
