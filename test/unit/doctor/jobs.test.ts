import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobsFindings } from '../../../gateway/doctor/jobs.ts';
import type { Job } from '../../../gateway/tools/index.ts';

const job: Job = {
  attempt: 'att_1',
  tool: 'github.issue.create',
  account: 'rest:github',
  state: 'planned',
  waitsFor: 'unreachable',
  tries: 2,
  principal: 'requester',
  nextTryAt: new Date('2026-11-10T12:00:00Z'),
  deadlineAt: new Date('2026-11-10T12:05:00Z'),
  finishedAt: null,
};
const brief = (...of: Parameters<typeof jobsFindings>): string[] =>
  jobsFindings(...of).map(({ state, check }) => `${state} ${check}`);

test('calls that wait are a note, those given up and pauses a warning with what to do', () => {
  assert.deepEqual(brief([], []), ['ok waiting']);
  assert.deepEqual(brief([job], []), ['note waiting']);
  assert.deepEqual(brief([{ ...job, state: 'given_up' }], []), ['ok waiting', 'warn given-up']);
  const pause = {
    scope: 'rest:github',
    by: 'admin',
    reason: 'a drill',
    since: new Date('2026-11-10T11:00:00Z'),
  };
  const [paused] = jobsFindings([], [pause]);
  assert.match(paused?.text ?? '', /rest:github waits, paused by admin since 2026-11-10T11:00: a drill/);
  assert.equal(paused?.next, 'npx gatehouse jobs resume rest:github');
});
