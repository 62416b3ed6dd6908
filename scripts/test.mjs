// npm test [-- SUITE…]: installs what is missing, then runs the suites.
import { join } from 'node:path';
import { handOver, prepare, root } from './setup.mjs';

await prepare();
process.exitCode = await handOver([join(root, 'test/run.ts'), ...process.argv.slice(2)]);
