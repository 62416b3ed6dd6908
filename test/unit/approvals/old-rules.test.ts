import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { closeOutdated } from '../../../gateway/approvals/old-rules.ts';
import type { Approvals } from '../../../gateway/approvals/index.ts';
import { openPool } from '../../../gateway/db/index.ts';
import { outdatedBy } from '../../../gateway/policy/index.ts';
import { gateOf, openHouse, stateOf, until, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
const running: Approvals[] = [];
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.policy.rules = { version: 'v1', epoch: 0 };
  await house.database.pool.query(
    `update approvals set delivered_at = now(), state = case when state = 'pending' then 'cancelled' else state end`,
  );
});
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop();
});

/** A gateway that works, over the same database as all the others. */
async function gateway(more?: Parameters<House['another']>[0]): Promise<Approvals> {
  const started = house.another(more);
  running.push(started);
  await started.start();
  return started;
}

async function asked(options?: DecisionOptions): Promise<string> {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision.id;
}

async function many(count: number): Promise<string[]> {
  const ids = [];
  for (let number = 0; number < count; number += 1) ids.push(await asked());
  return ids;
}

const newRules = (): void => {
  house.policy.rules = { version: 'v2', epoch: 0 };
};
const tally = async (state: string): Promise<number> => {
  const { rows } = await house.database.pool.query<{ count: number }>(
    'select count(*)::int as count from approvals where state = $1 and delivered_at is null',
    [state],
  );
  return rows[0]?.count ?? 0;
};
const outcomes = async (ids: readonly string[]): Promise<number> => {
  const { rowCount } = await house.database.pool.query(
    `select from receipts where kind = 'approval.outcome' and decision_id = any($1)`,
    [ids],
  );
  return rowCount ?? 0;
};
/** Time for some turns of a gateway. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 200));

test('a reload ends at once what was asked under the rules before, and tells everybody', async () => {
  const works = await gateway();
  const id = await asked();
  newRules();
  works.rulesReloaded();
  await until(async () => (await stateOf(house, id)).state === 'cancelled');
  const card = await house.approvals.card(id, 'approver-a');
  assert.match(card.reason ?? '', /rules changed .* asked for again/);
  assert.equal(card.mayVote, false);
  const told = house.seen.replies.filter((reply) => reply.id === `${id}:cancelled`);
  assert.equal(told.length, 1);
  assert.match(told[0]?.text ?? '', /It was cancelled.* The rules changed/);
  for (const approver of ['approver-a', 'approver-b']) {
    const shown = house.seen.notices.filter(({ card }) => card === `${id}:${approver}`).at(-1);
    assert.match(shown?.text ?? '', /It was cancelled/);
    assert.deepEqual(shown?.buttons, []);
  }
  assert.deepEqual(house.seen.grants, []);
  await assert.rejects(
    house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' }),
    { code: 'GH-APPROVAL-004' },
  );
});

test('it ends as a vote would have ended it', async () => {
  const [voted, swept] = [await asked(), await asked()];
  const works = await gateway();
  house.policy.refusal = outdatedBy({ policyVersion: 'v1', epoch: 0 }, { version: 'v2', epoch: 0 });
  try {
    await assert.rejects(
      house.approvals.vote({
        approvalId: voted,
        principal: 'approver-a',
        verdict: 'approve',
        channel: 'web',
      }),
      { code: 'GH-GRANT-006' },
    );
  } finally {
    house.policy.refusal = null;
  }
  newRules();
  works.rulesReloaded();
  await until(async () => (await stateOf(house, swept)).state === 'cancelled');
  const [one, other] = [await house.approvals.card(voted), await house.approvals.card(swept)];
  assert.deepEqual([one.state, one.reason], [other.state, other.reason]);
});

test('a start ends what was asked before the rules changed, or the database was restored', async () => {
  for (const rules of [
    { version: 'v2', epoch: 0 },
    { version: 'v1', epoch: 1 },
  ]) {
    house.policy.rules = { version: 'v1', epoch: 0 };
    const id = await asked();
    house.policy.rules = rules;
    await gateway();
    await until(async () => (await stateOf(house, id)).state === 'cancelled');
  }
});

test('what was asked under the rules in force, or ended, is left alone', async () => {
  const [open, decided] = [await asked(), await asked()];
  await house.approvals.vote({
    approvalId: decided,
    principal: 'approver-a',
    verdict: 'reject',
    channel: 'web',
  });
  const works = await gateway();
  works.rulesReloaded();
  await turns();
  assert.equal((await stateOf(house, open)).state, 'pending');
  newRules();
  works.rulesReloaded();
  await until(async () => (await stateOf(house, open)).state === 'cancelled');
  assert.equal((await stateOf(house, decided)).state, 'rejected');
  assert.equal(await outcomes([decided]), 1);
});

test('without a reload nothing is ended: another gateway may have read newer files first', async () => {
  const id = await asked();
  house.policy.rules = { version: 'v1', epoch: 0 };
  await gateway();
  await turns();
  newRules();
  await turns();
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('hundreds end in turns of a bounded size, and deadlines are kept meanwhile', async () => {
  const ids = await many(120);
  newRules();
  assert.equal(await closeOutdated(house.deps), true);
  assert.equal(await tally('cancelled'), 50);
  assert.equal(await closeOutdated(house.deps), true);
  assert.equal(await closeOutdated(house.deps), true);
  assert.equal(await closeOutdated(house.deps), false);
  assert.equal(await outcomes(ids), 120);
});

test('several gateways that reload at once, and voters among them, end each request once', async () => {
  const ids = await many(30);
  // As in life, each gateway has connections of its own.
  const pools = [1, 2, 3].map(() => openPool(house.database.url, 10));
  const gateways = await Promise.all(pools.map((pool) => gateway({ pool })));
  await turns();
  newRules();
  house.policy.refusal = new Error('no grant under other rules');
  try {
    for (const one of gateways) one.rulesReloaded();
    const votes = ids.map((approvalId, index) =>
      house.approvals
        .vote({
          approvalId,
          principal: 'approver-a',
          verdict: index % 2 === 0 ? 'approve' : 'reject',
          channel: 'web',
        })
        .catch(() => undefined),
    );
    await Promise.all(votes);
    await until(async () => (await tally('pending')) === 0);
  } finally {
    house.policy.refusal = null;
  }
  assert.equal(await outcomes(ids), 30);
  const told = house.seen.replies.filter(({ id }) => /:(cancelled|rejected)$/.test(id));
  assert.equal(new Set(told.map(({ id }) => id)).size, 30);
  assert.equal(told.length, 30);
  assert.equal(await tally('approved'), 0);
  for (const one of running.splice(0)) await one.stop();
  for (const pool of pools) await pool.end();
});

test('what a turn could not end is ended by a later one', async () => {
  const ids = await many(3);
  newRules();
  let failures = 2;
  const reply: typeof house.delivery.reply = (...given) =>
    (failures -= 1) >= 0
      ? Promise.reject(new Error('the database went away'))
      : house.delivery.reply(...given);
  await gateway({ delivery: { ...house.delivery, reply } });
  await until(async () => (await tally('pending')) === 0);
  assert.equal(await outcomes(ids), 3);
});

test('a reload while others are ended is not forgotten', async () => {
  const first = await asked();
  const works = await gateway();
  await turns();
  newRules();
  works.rulesReloaded();
  await until(async () => (await stateOf(house, first)).state === 'cancelled');
  house.policy.rules = { version: 'v1', epoch: 0 };
  const second = await asked();
  works.rulesReloaded();
  newRules();
  works.rulesReloaded();
  await until(async () => (await stateOf(house, second)).state === 'cancelled');
});

test('one call of a card that was decided under other rules ends all of them', async () => {
  const first = await house.decision({ effect: 'confirm' });
  const second = await house.decision({
    effect: 'confirm',
    run: first.run,
    args: { amount: '1.00', currency: 'EUR', payee: 'B', reference: 'x' },
  });
  await house.approvals.register(first.run, gateOf([first, second]));
  await house.database.pool.query(`update decisions set policy_version = 'v2' where id = $1`, [second.id]);
  newRules();
  assert.equal(await closeOutdated(house.deps), true);
  assert.equal((await stateOf(house, first.id)).state, 'cancelled');
  assert.equal((await stateOf(house, second.id)).state, 'cancelled');
  assert.equal(house.seen.replies.filter(({ id }) => id.endsWith(':cancelled')).length, 1);
});

test('a gate that asks after the reload asks nobody, and is told so at once', async () => {
  const decision = await house.decision();
  newRules();
  const registered = await house.approvals.register(decision.run, gateOf([decision]));
  assert.equal(registered.approvals[0]?.outcome?.state, 'cancelled');
  assert.match(registered.approvals[0]?.outcome?.reason ?? '', /rules changed/);
  assert.deepEqual(house.seen.notices, []);
});

test('a request that nobody could decide any more gives its place among the open ones of its session back', async () => {
  const limited = house.another({ mostAsks: () => 1 });
  const [first, second] = [await house.decision(), await house.decision()];
  await limited.register(first.run, gateOf([first]));
  newRules();
  await closeOutdated(house.deps);
  await house.database.pool.query(`update decisions set policy_version = 'v2' where id = $1`, [second.id]);
  await limited.register(second.run, gateOf([second]));
  assert.equal((await stateOf(house, second.id)).state, 'pending');
});
