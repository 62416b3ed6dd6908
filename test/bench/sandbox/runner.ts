import { createLogger } from '../../../gateway/config/index.ts';
import { defaultImages, startRunner } from '../../../gateway/sandbox/index.ts';

// A runner in a process of its own, as in production; forked by the bench.
const { GATEHOUSE_BENCH_TOKEN: token = '', GATEHOUSE_BENCH_WARM: warm } = process.env;
const runner = await startRunner({
  listen: { host: '127.0.0.1', port: 0 },
  token,
  images: defaultImages,
  log: createLogger('silent'),
  parallel: 20,
  warmth: { max: Number(warm), idleMs: 600_000 },
});
process.send?.(runner.url);
process.once('message', () => void runner.stop().then(() => process.exit(0)));
