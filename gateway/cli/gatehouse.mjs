#!/usr/bin/env node
// The `gatehouse` command. The gateway is TypeScript that Node 24 runs as it is; under an older Node this finds the one
// that npm installed and hands over to it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const major = Number(process.versions.node.split('.')[0]);

if (major >= 24) {
  await import('./main.ts');
} else {
  const bin = [join(here, '../../node_modules/.bin'), join(here, '../node_modules/.bin')].find((folder) =>
    existsSync(join(folder, 'node')),
  );
  if (!bin) {
    console.error(
      `gatehouse needs Node 24, and this is Node ${process.versions.node}.\nRun npm start once: it installs one.`,
    );
    process.exit(1);
  }
  const child = spawn(join(bin, 'node'), [join(here, 'main.ts'), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
