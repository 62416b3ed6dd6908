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
  const kept = new Map([['0193-a', Buffer.from('kept')]]);
  const asked: unknown[] = [];
  const read = (...given: unknown[]) => (asked.push(given), Promise.resolve(kept));
  const made = createCodeConnector({ sandbox: { run }, attachments: { read } });
  return {
    jobs,
    asked,
    run: (args: object) =>
      made.run({ tool, args, caller: { messageId: 'm1' }, signal: new AbortController().signal } as never),
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
  for (const file of [
    {},
    { text: 'a', base64: 'YQ==' },
    { text: 'a', attachment: '0193-a' },
    { base64: 'no base64!' },
  ]) {
    const answer = await run({ language: 'python', code: 'x', files: [{ path: 'a', ...file }] });
    assert.deepEqual([answer.status, jobs.length], ['failed', 0]);
  }
});

test('a file can be an attachment of the conversation; another id is refused before anything runs', async () => {
  const { jobs, asked, run } = connector();
  const files = (attachment: string): object => ({
    ...{ language: 'python', code: 'x' },
    files: [{ path: 'a.csv', attachment }],
  });
  assert.equal((await run(files('0193-a'))).status, 'succeeded');
  assert.deepEqual(jobs[0]?.files, [{ path: 'a.csv', content: Buffer.from('kept') }]);
  assert.deepEqual(asked, [['m1', ['0193-a']]]);
  const refused = await run(files('0193-b'));
  assert.equal(refused.status, 'failed');
  assert.deepEqual('reasons' in refused && refused.reasons.map(({ code }) => code), ['attachment_unknown']);
  assert.equal(jobs.length, 1);
});
