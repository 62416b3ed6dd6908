/** One run of Stryker over a room, in a process of its own. Usage: node stryker.ts ROOM [FILE…], with a Postgres to test on */
import { dirname, join } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { incrementalFileOf, rooms } from './rooms.ts';

const [name = '', ...files] = process.argv.slice(2);
const code = rooms[name]?.code ?? [];
await new Stryker({
  room: name,
  plugins: ['runner.ts', 'sentences.ts'].map((file) => join(import.meta.dirname, file)),
  ignorers: ['sentences'],
  testRunner: 'room',
  mutate: files.length === 0 ? code : code.flatMap((path) => files.map((file) => join(dirname(path), file))),
  coverageAnalysis: 'perTest',
  incremental: true,
  incrementalFile: incrementalFileOf(name),
  tempDirName: '.gatehouse/mutants',
  cleanTempDir: 'always',
  ignorePatterns: ['/dist', '/docs', '/docker', '/workflows-json'],
  reporters: ['progress-append-only'],
  concurrency: 1,
  timeoutMS: 15_000,
  allowEmpty: true,
}).runMutationTest();
