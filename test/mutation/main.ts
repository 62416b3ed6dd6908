/**
 * Changes a room's code on purpose, one small change after the other, and counts how many of the changes its tests notice.
 * Usage: npm run mutation -- ROOM [FILE…], for example: npm run mutation -- provenance tokens.ts
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repository } from '../../gateway/cli/up/index.ts';
import { startTestServer } from '../support/server.ts';
import { readResults, writeResults } from './results.ts';
import { incrementalFileOf, rooms } from './rooms.ts';

/** Share of changes, in percent, that the tests of a room have to notice. */
const bar = 80;

async function main([name = '', ...files]: string[]): Promise<number> {
  const room = rooms[name];
  if (!room) {
    process.stderr.write(`Usage: npm run mutation -- ${Object.keys(rooms).join(' | ')} [FILE…]\n`);
    return 2;
  }
  process.chdir(repository);
  await mkdir(dirname(incrementalFileOf(name)), { recursive: true });
  const stop = await startTestServer();
  // A mutant that acts while code is loaded needs a new process, which need not compile all of the gateway again.
  const compiled = join(repository, '.gatehouse/mutation/compiled');
  try {
    // Stryker ends its process by itself when it is interrupted, and would leave Postgres behind.
    const stryker = fork(join(import.meta.dirname, 'stryker.ts'), [name, ...files], {
      env: { ...process.env, NODE_COMPILE_CACHE: compiled },
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stryker.kill(signal));
    const [code] = (await once(stryker, 'exit')) as [number | null];
    if (code !== 0) return code ?? 130;
  } finally {
    await stop();
    // Workers may end a moment after Stryker and write until then.
    for (const folder of [compiled, '.gatehouse/mutants'])
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  const results = await readResults(incrementalFileOf(name), room);
  await writeResults(name, results);
  return results.score >= bar && results.missing.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
