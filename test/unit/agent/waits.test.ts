import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { createWaits, type ShownRun, type Waits } from '../../../gateway/agent/index.ts';
import type { ExecutionState } from '../../../gateway/approvals/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { fakeN8n } from '../approvals/fake-n8n.ts';
import { asked, openRun, type House } from './house.ts';
import { calls, runIn, says, site } from './support.ts';

const signingSecret = `whsec_${randomBytes(24).toString('base64')}`;

/** Waits over a whole house, with an n8n that takes what it is sent. */
async function waiting(context: TestContext) {
  const at = await site(context);
  const house = await at.house();
  const n8n = await fakeN8n();
  context.after(() => n8n.stop());
  const seen = {
    waiting: [] as string[],
    resumed: [] as string[],
    again: [] as string[],
    done: [] as string[],
  };
  const n8nSays: { state: ExecutionState; startsOver: boolean } = { state: 'waiting', startsOver: true };
  const note = (list: string[]) => (_tx: unknown, run: string) => Promise.resolve(list.push(run) > 0);
  const { pool, signals, models, approvals, log } = house.deps;
  const waits = createWaits({
    ...{ pool, signals, models, approvals, log, signingSecret, agent: house.agent },
    clock: () => new Date(),
    settings: { n8nUrl: n8n.url },
    executionState: () => Promise.resolve(n8nSays.state),
    delivery: {
      runWaiting: async (tx, run) => void (await note(seen.waiting)(tx, run)),
      runResumed: note(seen.resumed),
      runAgain: async (tx, run) => n8nSays.startsOver && (await note(seen.again)(tx, run)),
      runDone: note(seen.done),
      reply(_tx, { body }) {
        house.replies.push(body.text);
        return Promise.resolve('receipt');
      },
    },
    timing: { poll: 30, executionPoll: 30, retry: 10, giveUp: 300 },
  });
  waits.start();
  context.after(() => waits.stop());
  return { at, house, n8n, seen, n8nSays, waits };
}

const place = (executionId = '7') => ({
  executionId,
  nodeId: 'node-1',
  resumePath: `/webhook-waiting/${executionId}/node-1?signature=of-n8n`,
});

/** Starts a run, or finds it, and waits for it. @returns its id */
async function begun(waits: Waits, own: RunContext, executionId?: string): Promise<string> {
  const { runs } = await waits.begin(own, place(executionId), [asked()]);
  const [run] = runs;
  assert.ok(run && 'id' in run);
  return run.id;
}

/** Starts a run and has an execution wait for it, as the node does. */
async function started(house: House, waits: Waits): Promise<{ own: RunContext; id: string }> {
  const own = await openRun(house.pool, { text: 'Pay 120 EUR to ACME, invoice-42' });
  return { own, id: await begun(waits, own) };
}

/** @throws after 5 s */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5000; !(await holds()); await new Promise((r) => setTimeout(r, 20)))
    if (Date.now() > end) throw new Error('it did not come to that');
}

/** The wait is of an age at which its execution is looked up. */
const grown = (house: House) =>
  house.pool.query(`update agent_waits set created_at = now() - interval '1 minute'`);

test('an execution waits without a worker, and goes on with how its run ended, signed', async (context) => {
  const { at, house, n8n, seen, waits } = await waiting(context);
  at.model.script = says(calls(['ledger.balance', {}]), { text: 'There is enough.' });
  const { own, id } = await started(house, waits);
  assert.deepEqual(seen.waiting, [own.runId]);
  assert.equal(n8n.calls.length, 0);
  house.agent.work();
  await until(() => seen.resumed.length === 1);
  const [call] = n8n.calls;
  assert.equal(call?.url, '/webhook-waiting/7/node-1?signature=of-n8n');
  const body = new Webhook(signingSecret).verify(call?.body ?? '', call?.headers as Record<string, string>);
  const { type, gate, items } = body as { type: string; gate: object; items: ShownRun[] };
  assert.deepEqual([type, gate], ['dev.gatehouse.agent-runs.v1', { executionId: '7', nodeId: 'node-1' }]);
  const [run] = items;
  assert.deepEqual([run?.id, run?.state, run?.result], [id, 'done', { text: 'There is enough.' }]);
  assert.equal(run?.receipts.length, 1, 'the receipt of its call');
  assert.doesNotMatch(JSON.stringify(run?.steps), /There is enough/, 'steps hold nothing of what was said');
  assert.equal(n8n.calls.length, 1);
});

test('n8n that is away or still on its way to the wait gets the end later', async (context) => {
  const { at, house, n8n, seen, waits } = await waiting(context);
  at.model.script = says({ text: 'Done.' });
  n8n.answers.unshift(
    { status: 503, body: 'starting' },
    { status: 409, body: 'The execution "7" is running already.' },
  );
  house.agent.work();
  await started(house, waits);
  await until(() => seen.resumed.length === 1);
  assert.equal(n8n.calls.length, 3);
});

test('runs that ended before the wait are answered at once', async (context) => {
  const { at, house, n8n, seen, waits } = await waiting(context);
  at.model.script = says({ text: 'Quick.' });
  house.agent.work();
  const own = await openRun(house.pool);
  const { id } = await house.agent.start(own, asked());
  await runIn(house, own, id, 'done');
  const { runs } = await waits.begin(own, place(), [asked()]);
  assert.ok(runs[0] && 'id' in runs[0]);
  assert.deepEqual([runs[0].id, runs[0].result?.text], [id, 'Quick.']);
  assert.deepEqual([seen.waiting, n8n.calls], [[], []]);
});

test('an execution that a person cancels in n8n stops its run, with what it asked people', async (context) => {
  const { at, house, seen, n8n, n8nSays, waits } = await waiting(context);
  at.model.script = says(
    calls(['ledger.transfer', { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' }]),
  );
  house.agent.work();
  const { own, id } = await started(house, waits);
  await runIn(house, own, id, 'waiting');
  await grown(house);
  n8nSays.state = 'gone';
  await until(() => seen.done.length === 1);
  const run = await house.agent.show(own, id);
  assert.deepEqual([run.state, run.endedBy], ['stopped', 'cancelled']);
  const { rows } = await house.pool.query('select state from approvals');
  assert.deepEqual(rows, [{ state: 'cancelled' }]);
  assert.match(house.replies.at(-1) ?? '', /stopped in n8n/);
  assert.equal(n8n.calls.length, 0, 'there is nobody to tell');
});

test('an execution that n8n lost starts over and finds the same run', async (context) => {
  const { at, house, seen, n8n, n8nSays, waits } = await waiting(context);
  const { own, id } = await started(house, waits);
  await grown(house);
  n8nSays.state = 'ended';
  await until(() => seen.again.length === 1);
  assert.equal((await house.agent.show(own, id)).state, 'queued');
  n8nSays.state = 'waiting';
  at.model.script = says({ text: 'Once.' });
  assert.equal(await begun(waits, own, '8'), id);
  house.agent.work();
  await until(() => seen.resumed.length === 1);
  assert.equal(n8n.calls[0]?.url, '/webhook-waiting/8/node-1?signature=of-n8n');
  assert.equal(at.model.asked.length, 1);
});

test('an end that cannot be delivered is told in the conversation', async (context) => {
  const { at, house, seen, n8n, n8nSays, waits } = await waiting(context);
  n8n.answers.splice(0, 1, { status: 404, body: '{}' });
  Object.assign(n8nSays, { state: 'absent', startsOver: false });
  at.model.script = says({ text: 'Done.' });
  house.agent.work();
  await started(house, waits);
  await until(() => seen.done.length === 1);
  assert.match(house.replies.at(-1) ?? '', /is gone/);
});

test('a wait takes no address but its own, and no run of somebody else', async (context) => {
  const { house, waits } = await waiting(context);
  const own = await openRun(house.pool);
  for (const resumePath of [
    '/webhook-waiting/8/node-1?signature=s',
    '/webhook-waiting/7/node-1',
    '/webhook-waiting/7/node-1/../../rest/login?signature=s',
    'https://evil.example.com/webhook-waiting/7/node-1?signature=s',
    '//evil.example.com/webhook-waiting/7/node-1?signature=s',
  ])
    await assert.rejects(waits.begin(own, { ...place(), resumePath }, [asked()]), { code: 'GH-AGENT-013' });
  const { rows: none } = await house.pool.query('select from agent_runs where message_id = $1', [
    own.messageId,
  ]);
  assert.deepEqual(none, [], 'nothing is begun that nobody waits for');

  // The wait of somebody else's message is not taken over, and nothing is begun at its place.
  await begun(waits, own);
  const thief = await openRun(house.pool);
  await assert.rejects(begun(waits, thief), { code: 'GH-AGENT-013' });
  const { rows } = await house.pool.query(
    `select w.message_id = $1 as own, (select count(*)::int from agent_runs where message_id = $2) as stolen from agent_waits w`,
    [own.messageId, thief.messageId],
  );
  assert.deepEqual(rows, [{ own: true, stolen: 0 }]);
});

test('a repeated request finds the same runs and the same wait, and one that cannot be is told beside them', async (context) => {
  const { house, waits } = await waiting(context);
  const own = await openRun(house.pool);
  const ask = () => waits.begin(own, place(), [asked(), asked({ step: 'agent:0:1', template: 'none' })]);
  // A call under way when its gateway is killed is repeated by the node.
  const [first, second] = [await ask(), await ask()];
  const shown = ({ runs }: typeof first) => runs.map((run) => ('id' in run ? run.id : run.code));
  assert.deepEqual(shown(first), shown(second));
  assert.equal(shown(first)[1], 'GH-AGENT-004');
  const { rows } = await house.pool.query(
    'select agent_runs as runs from agent_waits where delivered_at is null',
  );
  assert.deepEqual(rows, [{ runs: [shown(first)[0]] }]);
});
