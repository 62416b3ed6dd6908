import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { openHouse, stateOf, until, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse({ executionState: () => Promise.resolve('gone') });
});
after(() => house.close());

const wait = (decision: string) => ({
  executionId: 'agent:1',
  nodeId: decision,
  edits: true,
  items: [{ decision, resumePath: null }],
});

test('a part of the gateway waits by itself: nothing is sent to n8n, and nothing there can end it', async () => {
  const { approvals, seen } = house;
  await approvals.start();
  const { id, run } = await house.decision();
  const { approvals: registered } = await approvals.register(run, wait(id));
  assert.equal(registered[0]?.state, 'pending');
  assert.deepEqual(seen.waiting, [], 'the run in n8n waits for what it waits for');
  assert.match(seen.notices.at(-1)?.link ?? '', /\/approvals\/dec_/, 'there is no form of n8n to open');
  assert.equal((await approvals.outcomes([id])).size, 0);
  await house.database.pool.query(
    `update approvals set created_at = now() - interval '1 hour' where id = $1`,
    [id],
  );
  // Longer than it takes to look for executions that are gone.
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal((await stateOf(house, id)).state, 'pending');
  let heard = 0;
  const stop = approvals.onChange(() => (heard += 1));
  await approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  assert.deepEqual(await stateOf(house, id), { state: 'approved', delivered: true });
  await until(() => heard > 0);
  stop();
  const outcome = (await approvals.outcomes([id])).get(id);
  assert.equal(outcome?.grant, `grant_${id}`);
  const again = await approvals.register(run, wait(id));
  assert.equal(again.approvals[0]?.outcome?.state, 'approved');
  assert.equal((await stateOf(house, id)).delivered, true);
});

test('what nobody waits for any more is taken back', async () => {
  const { approvals } = house;
  const { id, run } = await house.decision();
  await approvals.register(run, wait(id));
  await transaction(house.database.pool, (tx) => approvals.withdraw(tx, [id], 'It was stopped.'));
  assert.equal((await stateOf(house, id)).state, 'cancelled');
  assert.equal((await approvals.outcomes([id])).get(id)?.grant, null);
});
