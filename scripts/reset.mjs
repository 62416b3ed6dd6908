// npm run reset: removes what npm start has written, so that the next start is a first one. A person is asked first, as
// receipts go as well; a script, which nobody could answer for, is not.
import { join } from 'node:path';
import { handOver, prepare, root } from './setup.mjs';

await prepare();
process.exitCode = await handOver([
  join(root, 'gateway/cli/main.ts'),
  'reset',
  ...(process.stdin.isTTY ? [] : ['--yes']),
  ...process.argv.slice(2),
]);
