import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sweepRetention } from '../../../gateway/delivery/retention.ts';
import { asked, openRun } from './house.ts';
import { calls, runIn, says, site } from './support.ts';

test('what was said in a run goes with the text of messages, and what was done stays for eight days', async (context) => {
  const at = await site(context);
  const house = await at.house();
  house.agent.work();
  at.model.script = says(calls(['ledger.balance', {}]), { text: 'Words.' });
  const run = await openRun(house.pool, { text: 'Words of mine' });
  const { id } = await house.agent.start(run, asked());
  await runIn(house, run, id, 'done');
  const paused = await openRun(house.pool, { text: 'Words of others' });
  const other = await house.agent.start(paused, asked());
  await house.agent.pause(paused, other.id);
  const sweep = () =>
    sweepRetention({ pool: house.pool, settings: { rawRetentionHours: 1, textRetentionHours: 1 } as never });
  const kept = async (): Promise<string> =>
    JSON.stringify([
      (await house.pool.query('select * from agent_runs')).rows,
      (await house.pool.query('select * from agent_steps')).rows,
    ]);
  await sweep();
  assert.match(await kept(), /Words of mine[^]*Words of others|Words of others[^]*Words of mine/);
  await house.pool.query(
    `update agent_runs set created_at = now() - interval '2 hours', finished_at = finished_at - interval '2 hours'`,
  );
  await sweep();
  const after = await kept();
  assert.doesNotMatch(after, /Words/);
  assert.match(after, /ledger\.balance/);
  await house.pool.query(
    `update agent_runs set created_at = now() - interval '9 days', finished_at = finished_at - interval '9 days'`,
  );
  await sweep();
  assert.equal(await kept(), '[[],[]]');
});
