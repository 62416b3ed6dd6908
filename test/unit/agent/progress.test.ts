import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createProgress } from '../../../gateway/agent/index.ts';
import type { Outgoing } from '../../../gateway/channels/index.ts';
import { until } from '../approvals/support.ts';
import { asked, openRun, type House } from './house.ts';
import { calls, runIn, says, site, type Site } from './support.ts';

let at: Site;
let house: House;
const shown: { runId: string; id: string; body: Outgoing; last: boolean }[] = [];
const ends: (() => Promise<void>)[] = [];
before(async () => {
  at = await site({ after: (work) => void ends.push(work) });
  const chat = {
    progress: async (_tx: unknown, one: (typeof shown)[number]) => {
      shown.push(one);
      return true;
    },
  };
  house = await at.house((deps) => ({
    progress: createProgress(
      { ...deps, chat, publicUrl: 'https://gate.example.com' },
      { firstMs: 20, restMs: 60 },
    ),
  }));
  house.agent.work();
});
after(async () => {
  for (const end of ends) await end();
});
const texts = (runId: string): string[] =>
  shown.filter((one) => one.runId === runId).map(({ body }) => body.text);

test('chat says what a run does, in words of ours, and how it ended', async () => {
  const secret = 'DE02 1203 0000 0000 2020 51';
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  at.model.script = async ({ turns }) => {
    if (turns.at(-1)?.role !== 'tool')
      return calls(['ledger.balance', {}], [`<b>${secret}`, { iban: secret }]);
    await held;
    return { text: `The account is ${secret}.` };
  };
  const run = await openRun(house.pool, { text: `Look at ${secret}` });
  const { id } = await house.agent.start(run, asked({ prompt: secret }));
  await until(() => texts(run.runId).some((text) => text.includes('asks a model')));
  release();
  await runIn(house, run, id, 'done');
  const own = shown.filter(({ runId }) => runId === run.runId);
  assert.match(
    own.at(-1)?.body.text ?? '',
    /^The agent is done: 2 questions to models, 2 calls of tools, 0\.\d+ EUR\.$/,
  );
  assert.equal(own.at(-1)?.last, true);
  assert.ok(own.every(({ body }) => body.link?.url === `https://gate.example.com/runs/${id}`));
  assert.ok(!JSON.stringify(own).includes(secret) && !JSON.stringify(own).includes('<b>'));
  assert.equal(new Set(own.map((one) => one.id)).size, own.length);
  at.model.problems.length = 0;
});

test('many steps make few messages', async () => {
  let asks = 0;
  at.model.script = () => {
    asks += 1;
    return asks < 12 ? calls(['ledger.balance', {}], ['gatehouse.whoami', {}]) : { text: 'Done.' };
  };
  const run = await openRun(house.pool);
  const since = performance.now();
  const { id } = await house.agent.start(run, asked());
  await runIn(house, run, id, 'done', 'stopped');
  const most = (performance.now() - since) / 60 + 2;
  assert.ok(texts(run.runId).length <= most, `${texts(run.runId).length} of at most ${most}`);
});

test('nothing is shown over the card that asks people, and a stop is told', async () => {
  const payment = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-91' };
  at.model.script = says(calls(['ledger.transfer', payment]));
  const run = await openRun(house.pool, { text: 'Pay 120 EUR to ACME, invoice-91' });
  const { id } = await house.agent.start(run, asked());
  await runIn(house, run, id, 'waiting');
  const before = texts(run.runId).length;
  // What is under way for the card is not shown over, however often somebody pauses and resumes.
  await house.agent.pause({ signedIn: 'requester' }, id);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(texts(run.runId).length, before);
  assert.equal(await house.agent.cancel({ principal: 'requester', sessionKey: run.sessionKey }), 1);
  assert.match(
    texts(run.runId).at(-1) ?? '',
    /^The agent was stopped: 1 question to models, 1 call of tools/,
  );
});

test('cancelling ends the runs of that person in that conversation, and no others', async () => {
  at.model.script = () => new Promise(() => undefined);
  const here = await openRun(house.pool);
  const there = await openRun(house.pool);
  const [one, two, other] = await Promise.all([
    house.agent.start(here, asked()),
    house.agent.start(here, asked({ step: 'agent:1:0' })),
    house.agent.start(there, asked()),
  ]);
  assert.equal(await house.agent.cancel({ principal: 'approver-a', sessionKey: here.sessionKey }), 0);
  assert.equal(await house.agent.cancel({ principal: 'requester', sessionKey: here.sessionKey }), 2);
  assert.equal((await house.agent.show(here, one.id)).state, 'stopped');
  assert.equal((await house.agent.show(here, two.id)).state, 'stopped');
  assert.notEqual((await house.agent.show(there, other.id)).state, 'stopped');
  assert.equal(await house.agent.cancel({ principal: 'requester', sessionKey: here.sessionKey }), 0);
  await house.agent.stop(there, other.id);
});
