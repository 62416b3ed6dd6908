import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRequest } from '../../../gateway/sandbox/index.ts';
import { createCodeConnector } from '../../../gateway/tools/connectors/code.ts';

const tool = { connector: { kind: 'code' } };

/** A sandbox that only keeps what it is asked. */
function connector() {
  const jobs: RunRequest[] = [];
  const ending = {
    status: 'ok',
    exitCode: 0,
    durationMs: 1,
    reason: null,
    artefacts: [],
    stdout: '',
    stderr: '',
  };
  const run = (job: RunRequest) => (jobs.push(job), Promise.resolve(ending as never));
  const made = createCodeConnector({ run });
  return {
    jobs,
    run: (args: object) => made.run({ tool, args, signal: new AbortController().signal } as never),
  };
}

test('files reach the sandbox byte for byte, and the artefacts that were declared come back', async () => {
  const { jobs, run } = connector();
  const bytes = Buffer.from([0, 255, 10]);
  const files = [
    { path: 'a.csv', text: 'ä,b' },
    { path: 'b.bin', base64: bytes.toString('base64') },
  ];
  await run({ language: 'python', code: 'x', files, artefacts: ['out.csv'] });
  const [job] = jobs;
  assert.deepEqual(job?.files, [
    { path: 'a.csv', content: Buffer.from('ä,b') },
    { path: 'b.bin', content: bytes },
  ]);
  assert.deepEqual(job?.artefacts, ['out.csv']);
});

test('a file that is said twice, not at all, or in broken base64 is refused before anything runs', async () => {
  const { jobs, run } = connector();
  for (const file of [{}, { text: 'a', base64: 'YQ==' }, { base64: 'no base64!' }]) {
    const answer = await run({ language: 'python', code: 'x', files: [{ path: 'a', ...file }] });
    assert.deepEqual([answer.status, jobs.length], ['failed', 0]);
  }
});
