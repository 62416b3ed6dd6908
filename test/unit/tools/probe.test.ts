import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { callDigest } from '../../../gateway/policy/index.ts';
import { startAttempt } from '../../../gateway/tools/attempts.ts';
import { targetOf } from '../../../gateway/tools/loan.ts';
import { FakeGitHub } from '../../fixtures/vendors/github.ts';
import { approve, storeRun } from './support.ts';
import { vendorBench, type VendorBench } from './vendor-support.ts';

let github: FakeGitHub;
let bench: VendorBench;
const args = { owner: 'acme', repo: 'site', title: 'Once', body: 'Only.' };
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
  github.issues.splice(0);
  github.calls.splice(0);
});

/** What a gateway leaves behind that died during a call: an attempt without an outcome. @returns its id */
async function crashed(
  secondsAgo: number,
  tool = 'github.issue.create',
  given: object = args,
): Promise<string> {
  const { at } = bench;
  const run = { ...bench.run(), messageId: `web:local:c1:${Math.random()}:0`, runId: crypto.randomUUID() };
  await storeRun(at, run);
  const decision = await at.policy.decide(run, { tool, args: given, step: 'check' });
  const grant = decision.grant ?? (await approve(at, decision.id));
  const { messageId, sessionKey } = run;
  const { digest } = callDigest(tool, given);
  const found = at.deps.catalogue.get(tool);
  assert.ok(found);
  const target = targetOf(at.deps.connectors.rest, found, given as Record<string, unknown>);
  const { id } = await transaction(at.db.pool, (tx) =>
    startAttempt(
      tx,
      at.deps.leases,
      { grant, messageId, sessionKey, tool, digest, decisionId: decision.id },
      { step: 'x', secret: 'github/token', target, destinations: [], room: null },
    ),
  );
  await at.db.pool.query(`update attempts set started_at = now() - make_interval(secs => $2) where id = $1`, [
    id,
    secondsAgo,
  ]);
  return id;
}
const endOf = async (
  id: string,
): Promise<{ state: string; result: { reasons?: { code: string }[] } | null }> => {
  const { rows } = await bench.at.db.pool.query<{ state: string; result: null }>(
    `select state, result from attempts where id = $1`,
    [id],
  );
  return rows[0]!;
};
const posted = (): number => github.calls.filter(({ method }) => method !== 'GET').length;

test('a call that had its effect before the crash is found, and not made again', async () => {
  const id = await crashed(60);
  github.issues.push({
    number: 1,
    title: 'Once',
    body: `Only.\n<!-- gatehouse ${id} -->`,
    state: 'open',
    labels: [],
  });
  assert.equal(await bench.tools.recover(), 1);
  assert.equal((await endOf(id)).state, 'succeeded');
  assert.equal(posted(), 0);
  const { rows } = await bench.at.db.pool.query(`select from leases where ended_at is null`);
  assert.equal(rows.length, 0, 'its loan is over');
});

test('one that certainly had none is failed, so that it can be asked for again', async () => {
  const id = await crashed(60);
  assert.equal(await bench.tools.recover(), 1);
  const { state, result } = await endOf(id);
  assert.deepEqual([state, result?.reasons?.[0]?.code], ['failed', 'interrupted_before']);
  assert.equal(posted(), 0);
});

test('one that may still be on its way is left alone until its time is over', async () => {
  const id = await crashed(1);
  assert.equal(await bench.tools.recover(), 0);
  assert.equal((await endOf(id)).state, 'attempting');
  await bench.at.db.pool.query(`update attempts set started_at = now() - interval '2 min' where id = $1`, [
    id,
  ]);
  assert.equal(await bench.tools.recover(), 1);
});

test('where the vendor cannot be asked, nobody knows', async () => {
  for (const answer of [
    { status: 401, json: {} },
    { status: 403, json: {} },
    { status: 200, text: '<html>' },
  ]) {
    const id = await crashed(60);
    github.failNext(answer);
    await bench.tools.recover();
    assert.equal((await endOf(id)).state, 'unknown', JSON.stringify(answer));
  }
});

test('a tool without a probe stays unknown', async () => {
  const id = await crashed(60, 'github.workflow.dispatch', {
    owner: 'acme',
    repo: 'site',
    workflow: 'a.yml',
    ref: 'main',
  });
  await bench.tools.recover();
  assert.equal((await endOf(id)).state, 'unknown');
  assert.equal(github.calls.length, 0);
});

test('nobody is asked while the kill switch is on, nor about what a restore made void', async () => {
  const stopped = await crashed(60);
  await bench.at.policy.setKillSwitch({ engaged: true, reason: 'incident', by: 'test' });
  await bench.tools.recover();
  await bench.at.policy.setKillSwitch({ engaged: false, reason: 'over', by: 'test' });
  const old = await crashed(60);
  bench.at.epoch.bump();
  await bench.tools.recover();
  assert.deepEqual([(await endOf(stopped)).state, (await endOf(old)).state], ['unknown', 'unknown']);
  assert.equal(github.calls.length, 0);
});
