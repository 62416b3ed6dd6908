import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindingDigest, previewChanges, type Bound, type Preview } from '../../../gateway/policy/binding.ts';

const fact = (column: string, value: string, bound = true) => ({
  column,
  label: `The ${column}`,
  value,
  bound,
});
const shown = (...facts: Preview['facts']): Preview => ({
  state: 'shown',
  text: null,
  facts,
  at: '2026-11-01T10:00:00Z',
});
const bound: Bound = {
  call: 'sha256:1',
  actor: 'requester',
  session: 'session',
  policy: 'sha256:2',
  epoch: 3,
  preview: shown(fact('rows', '3')),
  deadline: new Date('2026-11-01T11:00:00Z'),
};

test('an approval is for exactly what it was given for: any other call, person, rules, preview or time is another', () => {
  const others: Partial<Bound>[] = [
    { call: 'sha256:9' },
    { actor: null },
    { actor: 'approver-a' },
    { session: 'another' },
    { policy: 'sha256:9' },
    { epoch: 4 },
    { preview: null },
    { preview: shown(fact('rows', '4')) },
    { deadline: new Date('2026-11-01T11:00:01Z') },
  ];
  const digests = [{}, ...others].map((change) => bindingDigest({ ...bound, ...change }));
  assert.equal(new Set(digests).size, digests.length);
  assert.match(digests[0] ?? '', /^sha256:[0-9a-f]{64}$/);
  assert.equal(bindingDigest({ ...bound, deadline: new Date(bound.deadline) }), digests[0]);
});

test('people are told each bound fact that is another now, and nothing about the others', () => {
  const approved = shown(
    fact('rows', '3'),
    fact('balance', '10'),
    fact('owner', 'Ann'),
    fact('note', 'x', false),
  );
  assert.deepEqual(previewChanges(approved, approved), []);
  assert.deepEqual(
    previewChanges(approved, shown(fact('balance', '7'), fact('owner', 'Ann'), fact('note', 'y', false))),
    ['The rows was 3 and is not known now.', 'The balance was 10 and is 7 now.'],
  );
});

test('a preview that cannot be taken any more is a change', () => {
  const gone = (text: string | null): Preview => ({ ...shown(), state: 'missing', text });
  assert.deepEqual(previewChanges(bound.preview as Preview, gone('There is no such customer.')), [
    'There is no such customer.',
  ]);
  assert.equal(previewChanges(bound.preview as Preview, gone(null)).length, 1);
});
