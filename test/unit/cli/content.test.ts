import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { choose, type WorkflowFile } from '../../../gateway/cli/up/n8n-content.ts';

const file: WorkflowFile = { id: 'chat', name: 'Chat', path: '/workflows-json/chat.json', text: '{"v":2}' };
const source = createHash('sha256').update(file.text).digest('hex');
const row = (hash: string, published = true): Map<string, { hash: string; published: boolean }> =>
  new Map([['chat', { hash, published }]]);

test('a workflow that n8n does not have is imported', () => {
  assert.deepEqual(choose([file], {}, new Map()).wanted, [file]);
  assert.deepEqual(choose([file], { chat: { source, stored: 'a' } }, new Map()).wanted, [file]);
});

test('an unedited workflow is left alone until its file changes, and replaced then', () => {
  assert.deepEqual(choose([file], { chat: { source, stored: 'a' } }, row('a')).wanted, []);
  assert.deepEqual(choose([file], { chat: { source: 'older', stored: 'a' } }, row('a')).wanted, [file]);
});

test('a workflow that a builder edited is kept, and a newer file is offered', () => {
  const same = choose([file], { chat: { source, stored: 'a' } }, row('edited'));
  assert.deepEqual(same, { wanted: [], offered: [], unpublished: [] });
  const newer = choose([file], { chat: { source: 'older', stored: 'a' } }, row('edited'));
  assert.deepEqual(newer, { wanted: [], offered: [{ name: 'Chat', path: file.path }], unpublished: [] });
});

test('a workflow of the same id that was never imported here is not overwritten', () => {
  assert.deepEqual(choose([file], {}, row('theirs')).wanted, []);
});

test('what a builder unpublished is not published again, and it is said', () => {
  const kept = choose([file], { chat: { source, stored: 'a' } }, row('a', false));
  assert.deepEqual(kept, { wanted: [], offered: [], unpublished: ['Chat'] });
});

test('an import that was killed half way is done again', () => {
  assert.deepEqual(choose([file], { chat: { source: '', stored: 'importing' } }, row('a', false)).wanted, [
    file,
  ]);
});
