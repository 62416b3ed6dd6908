import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { createLogger } from '../../../gateway/config/index.ts';
import { createSandbox, defaultImages, startRunner, type Runner } from '../../../gateway/sandbox/index.ts';
import { labels } from '../../../gateway/sandbox/identity.ts';
import { until } from '../approvals/support.ts';
import { asked, openRun, type House } from './house.ts';
import { calls, runIn, says, site, type Site } from './support.ts';

const docker = new Docker();
const token = randomBytes(32).toString('hex');
let runner: Runner | undefined;
let at: Site;
let house: House;
const ends: (() => Promise<void>)[] = [];

before(async () => {
  at = await site({ after: (work) => void ends.push(work) });
  const images = Object.values(defaultImages);
  const there = await Promise.all(images.map((name) => docker.getImage(name).inspect())).then(
    () => true,
    () => false,
  );
  if (!there && process.env.CI) throw new Error(`no Docker engine with ${images.join(', ')}`);
  if (there)
    runner = await startRunner({
      ...{ listen: { host: '127.0.0.1', port: 0 }, token, images: defaultImages, docker },
      ...{ log: createLogger('silent'), warmth: { max: 0, idleMs: 1000 } },
    });
  house = await at.house(undefined, undefined, {
    sandbox: createSandbox({ runnerUrl: runner?.url, token }),
  });
  house.agent.work();
});
after(async () => {
  for (const end of ends) await end();
  await runner?.stop();
});

/** A second is what a person is promised; tests have more on a busy machine. */
const soon = 5000;
/** @throws where it is not so in time */
const inTime = async (what: string, done: () => boolean | Promise<boolean>): Promise<void> => {
  const since = Date.now();
  await until(done);
  assert.ok(Date.now() - since < soon, what);
};

test('stopping a run whose code is running kills the container, and what it did is kept', async (context) => {
  if (!runner) return context.skip('NOT TESTED: no Docker engine with the sandbox images');
  const health = (await (await fetch(`${runner.url}/healthz`)).json()) as { runner: string };
  const label = `${labels.runner}=${health.runner}`;
  const containers = async (): Promise<number> =>
    (await docker.listContainers({ all: true, filters: { label: [label] } })).length;
  at.model.script = says(calls(['code.run', { language: 'shell', code: 'sleep 300' }]));
  const run = await openRun(house.pool, { text: 'Run sleep 300' });
  const { id } = await house.agent.start(run, asked());
  await until(async () => {
    const { state, waitsFor } = await house.agent.show(run, id);
    const [approvalId] = waitsFor;
    if (state === 'waiting' && approvalId !== undefined)
      await house.approvals
        .vote({ approvalId, principal: 'approver-a', verdict: 'approve', channel: 'web' })
        .catch(() => undefined);
    return (await containers()) > 0;
  });
  await house.agent.stop({ signedIn: 'requester' }, id);
  await inTime('the container goes away', async () => (await containers()) === 0);
  await inTime('its result is journaled', async () =>
    (await house.agent.show(run, id)).steps.some(({ kind }) => kind === 'result'),
  );
  const stopped = await runIn(house, run, id, 'stopped');
  const result = stopped.steps.find(({ kind }) => kind === 'result');
  assert.equal(result?.facts.status, 'failed');
  assert.equal(stopped.endedBy, 'person');
  const { rows } = await house.pool.query<{ state: string; result: { reasons?: { code: string }[] } }>(
    'select * from attempts where message_id = $1',
    [run.messageId],
  );
  assert.match(JSON.stringify(rows), /"stopped"/);
});

test('stopping a run while a model is asked breaks the request off', async () => {
  let asking = false;
  at.model.script = () => {
    asking = true;
    return new Promise(() => undefined);
  };
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, asked());
  await until(() => asking);
  const before = at.model.brokenOff;
  await house.agent.stop({ signedIn: 'requester' }, id);
  await inTime('the request is broken off', () => at.model.brokenOff > before);
  assert.equal((await house.agent.show(run, id)).state, 'stopped');
});

test('somebody else who is signed in stops nothing, nor do they steer it', async () => {
  at.model.script = () => new Promise(() => undefined);
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, asked());
  await runIn(house, run, id, 'running');
  for (const way of ['pause', 'resume', 'stop'] as const)
    await assert.rejects(house.agent[way]({ signedIn: 'approver-a' }, id), { code: 'GH-AGENT-010' });
  await assert.rejects(house.agent.say({ signedIn: 'approver-a' }, id, 'x'), { code: 'GH-AGENT-010' });
  assert.equal((await house.agent.show(run, id)).state, 'running');
  // Nobody signed in stands behind a run without a person.
  const nobodys = await openRun(house.pool, { principal: null });
  const other = await house.agent.start(nobodys, asked());
  await assert.rejects(house.agent.stop({ signedIn: null as never }, other.id), { code: 'GH-AGENT-010' });
  await house.agent.stop({ signedIn: 'requester' }, id);
});
