import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countWays, sumCosts } from '../../../gateway/agent/index.ts';
import { asked, openRun } from './house.ts';
import { runIn, site } from './support.ts';

test('answers are summed up by day, person, task and model, and old ones are not', async (context) => {
  const at = await site(context);
  const house = await at.house();
  house.agent.work();
  at.model.script = () => ({ text: 'Fine.' });
  for (const [principal, task] of [
    ['requester', 'plan'],
    ['requester', 'draft'],
    ['approver-a', 'plan'],
  ] as const) {
    const run = await openRun(house.pool, { principal });
    const { id } = await house.agent.start(run, asked({ task }));
    await runIn(house, run, id, 'done');
  }
  const one = { tokensIn: 10, tokensOut: 10, cost: 10 * 1 + 10 * 2 };
  const times = (count: number) => ({
    answers: count,
    ...{ tokensIn: count * one.tokensIn, tokensOut: count * one.tokensOut, cost: count * one.cost },
    ...{ cached: 0, savedTokens: 0, savedCost: 0 },
  });
  assert.deepEqual(await sumCosts(house.pool, 'person', 8), [
    { group: 'requester', ...times(2) },
    { group: 'approver-a', ...times(1) },
  ]);
  assert.deepEqual(await sumCosts(house.pool, 'task', 8), [
    { group: 'plan', ...times(2) },
    { group: 'draft', ...times(1) },
  ]);
  assert.deepEqual(await sumCosts(house.pool, 'model', 8), [{ group: 'one', ...times(3) }]);
  await openRun(house.pool);
  const command = await openRun(house.pool);
  await house.pool.query(`update messages set event = 'command' where id = $1`, [command.messageId]);
  const ways = { model: 3, command: 1, action: 0, cached: 0, workflow: 1 };
  assert.deepEqual(await countWays(house.pool, 8), ways);
  await house.pool.query(`update agent_steps set at = now() - interval '3 days'`);
  assert.deepEqual(await sumCosts(house.pool, 'day', 2), []);
});
