// npm run reset: removes what npm start has written, so that the next start is a first one.
import { join } from 'node:path';
import { handOver, prepare, root } from './setup.mjs';

await prepare();
process.exitCode = await handOver([
  join(root, 'gateway/cli/main.ts'),
  'reset',
  '--yes',
  ...process.argv.slice(2),
]);
