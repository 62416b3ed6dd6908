/**
 * Changes a room's code on purpose, one small change after the other, and counts how many of the changes its tests notice.
 * Usage: npm run mutation -- ROOM [FILE…], for example: npm run mutation -- provenance tokens.ts
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { repository } from '../../gateway/cli/up/index.ts';
import { startTestServer } from '../support/server.ts';
import { readResults, writeResults } from './results.ts';
import { rooms } from './rooms.ts';

/** Share of changes, in percent, that the tests of a room have to notice. */
const bar = 80;

async function main([name = '', ...files]: string[]): Promise<number> {
  const room = rooms[name];
  if (!room) {
    process.stderr.write(`Usage: npm run mutation -- ${Object.keys(rooms).join(' | ')} [FILE…]\n`);
    return 2;
  }
  process.chdir(repository);
  const stop = await startTestServer();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().then(() => process.exit(130)));
  const incrementalFile = join('.gatehouse/mutation', `${name}.json`);
  await mkdir(dirname(incrementalFile), { recursive: true });
  // A mutant that acts while code is loaded needs a new process, which need not compile all of the gateway again.
  const compiled = join(repository, '.gatehouse/mutation/compiled');
  process.env.NODE_COMPILE_CACHE = compiled;
  try {
    await new Stryker({
      room: name,
      plugins: ['runner.ts', 'sentences.ts'].map((file) => join(import.meta.dirname, file)),
      ignorers: ['sentences'],
      testRunner: 'room',
      mutate:
        files.length === 0
          ? room.code
          : room.code.flatMap((path) => files.map((file) => join(dirname(path), file))),
      coverageAnalysis: 'perTest',
      incremental: true,
      incrementalFile,
      tempDirName: '.gatehouse/mutants',
      ignorePatterns: ['/dist', '/docs', '/docker', '/workflows-json'],
      reporters: ['progress-append-only'],
      concurrency: 1,
      timeoutMS: 15_000,
      allowEmpty: true,
    }).runMutationTest();
  } finally {
    await stop();
    await rm(compiled, { recursive: true, force: true });
  }
  const results = await readResults(incrementalFile, room);
  await writeResults(name, results);
  return results.score >= bar && results.missing.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
