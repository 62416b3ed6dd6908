import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FakeGitHub } from '../../fixtures/vendors/github.ts';
import { vendorBench, type VendorBench } from './vendor-support.ts';

const at = { owner: 'acme', repo: 'site' };
const sha = 'a'.repeat(40);
let github: FakeGitHub;
let bench: VendorBench;

before(async () => {
  github = await new FakeGitHub().start();
  bench = await vendorBench('github', github.url, { name: 'github/token', value: github.token }, (text) =>
    text.replace('/repos/-your-organisation-/', '/repos/acme/'),
  );
});
after(async () => {
  await bench.close();
  await github.stop();
});
beforeEach(() => {
  github.calls.splice(0);
});
afterEach(() => assert.deepEqual(github.problems.splice(0), []));

test('an issue is opened under a decision, with a lease and a receipt, and found again', async () => {
  const done = await bench.call('github.issue.create', {
    ...at,
    title: 'Login fails',
    body: 'Since Monday.',
  });
  assert.equal(done.status, 'succeeded', JSON.stringify(done));
  assert.deepEqual(done.result, { number: 1, url: 'https://github.com/acme/site/issues/1' });
  assert.match(github.issues[0]?.body ?? '', /^Since Monday\.\n\n<!-- gatehouse att_/);
  const { rows } = await bench.at.db.pool.query(
    `select l.secret, l.ended_at is not null as ended, r.kind from leases l
     join receipts r on r.id = $2 where l.attempt_id = $1`,
    [done.attempt, done.receipt],
  );
  assert.deepEqual(rows, [{ secret: 'github/token', ended: true, kind: 'outcome' }]);
  const found = await bench.call('github.issues.search', { ...at, words: 'Login' });
  assert.equal((found.result as { total: number }).total, 1);
});

test('a file is read as it is, whatever it holds', async () => {
  github.files.set('docs/a b.json', '{"not":"parsed"}');
  const read = await bench.call('github.file.read', { ...at, path: 'docs/a b.json' });
  assert.deepEqual(read.result, { text: '{"not":"parsed"}', truncated: false });
  const none = await bench.call('github.file.read', { ...at, path: 'docs/none.md' });
  assert.equal(none.reasons?.[0]?.code, 'record_missing');
});

test('an issue is commented on and closed', async () => {
  await bench.call('github.issue.comment', { ...at, number: 1, text: 'Fixed.' });
  assert.match(github.comments[0]?.body ?? '', /^Fixed\./);
  const closed = await bench.call('github.issue.close', { ...at, number: 1, reason: 'completed' });
  assert.equal(closed.text, 'Closed issue 1 of acme/site.');
  assert.equal(github.issues[0]?.state, 'closed');
});

test('a pull request is opened, and merged only at the commit that was named', async () => {
  github.refs.set('fix-login', sha);
  const args = { ...at, title: 'Fix', body: 'Fixes it.', head: 'fix-login', base: 'main' };
  const opened = await bench.call('github.pull.create', args);
  const { number } = opened.result as { number: number };
  assert.equal((await bench.call('github.pull.create', args)).reasons?.[0]?.code, 'record_exists');
  const pushed = await bench.call('github.pull.merge', { ...at, number, sha: 'b'.repeat(40) });
  assert.equal(pushed.reasons?.[0]?.code, 'reference_changed');
  const merged = await bench.call('github.pull.merge', { ...at, number, sha });
  assert.deepEqual(merged.result, { sha: 'c'.repeat(40), merged: true });
});

test('a branch is deleted only as long as it ends where it was looked at', async () => {
  github.refs.set('feature/x', sha);
  const gone = await bench.call('github.branch.delete', { ...at, branch: 'feature/x', sha: 'b'.repeat(40) });
  assert.equal(gone.reasons?.[0]?.code, 'reference_changed');
  assert.ok(github.refs.has('feature/x'));
  assert.equal(
    (await bench.call('github.branch.delete', { ...at, branch: 'feature/x', sha })).status,
    'succeeded',
  );
  assert.ok(!github.refs.has('feature/x'));
});

test('a workflow is started with its inputs', async () => {
  const args = { ...at, workflow: 'deploy.yml', ref: 'main', inputs: { environment: 'staging' } };
  assert.equal((await bench.call('github.workflow.dispatch', args)).status, 'succeeded');
  assert.deepEqual(github.dispatches, [
    { workflow: 'deploy.yml', body: { ref: 'main', inputs: { environment: 'staging' } } },
  ]);
});

test('an effect whose answer was lost is found, and not done twice', async () => {
  github.loseNextAnswer();
  const done = await bench.call('github.issue.create', { ...at, title: 'Once', body: 'Only.' });
  assert.equal(done.status, 'succeeded');
  assert.equal(github.issues.filter(({ title }) => title === 'Once').length, 1);
});

test('a request that was lost is not called done, and is not sent again', async () => {
  github.cutNextRequest();
  const done = await bench.call('github.issue.create', { ...at, title: 'Never', body: 'x' });
  assert.equal(done.status, 'unknown');
  assert.equal(github.calls.filter(({ method }) => method === 'POST').length, 1);
});

test('another owner than the listed one is not asked', async () => {
  const done = await bench.call('github.file.read', { owner: 'evil', repo: 'site', path: 'a' });
  assert.equal(done.reasons?.[0]?.code, 'GH-EGRESS-004');
  assert.equal(github.calls.length, 0);
});
