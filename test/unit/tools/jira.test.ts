import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { FakeJira } from '../../fixtures/vendors/jira.ts';
import { vendorBench, type VendorBench } from './vendor-support.ts';

let jira: FakeJira;
let bench: VendorBench;
before(async () => {
  jira = await new FakeJira().start();
  const value = `${jira.user}:${jira.token}`;
  bench = await vendorBench('jira', jira.url, { name: 'jira/api-token', value });
});
after(async () => {
  await bench.close();
  await jira.stop();
});
afterEach(() => assert.deepEqual(jira.problems.splice(0), []));

test('an issue is created, commented on, moved and deleted', async () => {
  const args = { project: 'OPS', type: 'Task', summary: 'Renew', description: 'It ends "soon".\nIn May.' };
  const created = await bench.call('jira.issue.create', args);
  assert.equal(created.text, 'Created OPS-1.');
  const done = await bench.call('jira.issue.comment', { issue: 'OPS-1', text: 'On it.' });
  assert.equal(done.status, 'succeeded', done.text);
  const possible = await bench.call('jira.issue.transitions', { issue: 'OPS-1' });
  assert.deepEqual((possible.result as { transitions: unknown[] }).transitions[1], {
    id: '31',
    name: 'Finish',
    to: 'Done',
  });
  assert.equal(
    (await bench.call('jira.issue.transition', { issue: 'OPS-1', transition: '31' })).status,
    'succeeded',
  );
  assert.equal(jira.issues.get('OPS-1')?.status, 'Done');
  assert.equal((await bench.call('jira.issue.delete', { issue: 'OPS-1' })).status, 'succeeded');
  assert.equal(jira.issues.size, 0);
  const gone = await bench.call('jira.issue.delete', { issue: 'OPS-1' });
  assert.equal(gone.reasons?.[0]?.code, 'record_missing');
  assert.match(gone.text ?? '', /It says: "Issue does not exist/);
});

test('a search collects its pages, up to what its file allows', async () => {
  jira.pageSize = 30;
  for (let number = 0; number < 70; number += 1) jira.add(`issue ${number}`);
  const found = await bench.call('jira.issues.search', { jql: 'project = OPS' });
  const { issues, more } = found.result as { issues: { summary: string }[]; more: boolean };
  assert.deepEqual([issues.length, more, issues[69]?.summary], [70, false, 'issue 69']);
  for (let number = 0; number < 200; number += 1) jira.add('more');
  const bounded = await bench.call('jira.issues.search', { jql: 'project = OPS order by key' });
  const result = bounded.result as { issues: unknown[]; more: boolean };
  assert.deepEqual([result.issues.length, result.more], [200, true]);
});

test('a query that Jira does not understand says so, in Jira’s words', async () => {
  const done = await bench.call('jira.issues.search', { jql: 'nonsense' });
  assert.match(done.text ?? '', /^Jira does not understand the query\. It says: "Error in the JQL Query/);
});

test('an issue whose answer was lost is found by its label', async () => {
  jira.issues.clear();
  jira.loseNextAnswer();
  const args = { project: 'OPS', type: 'Task', summary: 'Once', description: 'x' };
  assert.equal((await bench.call('jira.issue.create', args)).status, 'succeeded');
  assert.equal(jira.issues.size, 1);
});

test('a move whose answer was lost is found in the history of its issue, and one of somebody else is not taken for it', async () => {
  const issue = jira.add('moves');
  jira.loseNextAnswer();
  const found = await bench.call('jira.issue.transition', { issue, transition: '11' });
  assert.equal(found.status, 'succeeded', found.text);
  jira.cutNextRequest();
  const lost = await bench.call('jira.issue.transition', { issue, transition: '31' });
  assert.equal(lost.status, 'unknown');
});

test('without a site and without a secret, a call says what to do', async () => {
  const bare = await vendorBench('jira', 'https://your-site.atlassian.invalid', null, (text) =>
    text.replace('plainHttp: true\nprivateNetworks: [127.0.0.0/8]\n', ''),
  );
  const first = await bare.call('jira.issues.search', { jql: 'project = OPS' });
  assert.match(first.text ?? '', /Run gatehouse secret set jira\/api-token/);
  await bare.at.store.set('jira/api-token', 'a:b');
  const second = await bare.call('jira.issues.search', { jql: 'project = OPS' });
  assert.match(second.text ?? '', /Write the address of Jira as url/);
  await bare.close();
});
