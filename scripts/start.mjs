// npm start: installs what is missing, then starts everything. Stop with Ctrl-C.
import { join } from 'node:path';
import { handOver, prepare, root } from './setup.mjs';

await prepare();
process.exitCode = await handOver([join(root, 'gateway/cli/main.ts'), 'up', ...process.argv.slice(2)]);
