import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openPool, transaction, type Pool } from '../../../gateway/db/index.ts';
import type { Charge } from '../../../gateway/policy/budgets.ts';
import { exceededBudget, release, reserve, shortBudgets } from '../../../gateway/policy/reservations.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let db: TestDatabase;
let other: Pool;
before(async () => {
  db = await testDatabase();
  other = openPool(db.url, 8);
});
after(async () => {
  await other.end();
  await db.drop();
});

const charge = (holder: string, amount: number, allowed: number, budget = 'b'): Charge => ({
  budget,
  holder,
  daily: false,
  amount,
  allowed,
  unit: 'EUR',
});

/** @returns the decision that took it, or null where a budget had not enough left */
async function take(pool: Pool, charges: Charge[]): Promise<string | null> {
  const decision = randomUUID();
  try {
    await transaction(pool, (tx) => reserve(tx, decision, charges));
    return decision;
  } catch (error) {
    assert.ok(exceededBudget(error), String(error));
    return null;
  }
}

test('whatever is taken and given back at once, no budget is exceeded, and what is used is what is taken', async () => {
  const call = fc.record({
    amounts: fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 })),
    reversed: fc.boolean(),
    fails: fc.boolean(),
    elsewhere: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 24 }), fc.nat(150), async (calls, allowed) => {
      const holder = randomUUID();
      const taken = await Promise.all(
        calls.map(async ({ amounts: [first, second], reversed, fails, elsewhere }) => {
          const pool = elsewhere ? other : db.pool;
          const charges = [charge(holder, first, allowed), charge(holder, second, 150, 'c')];
          const decision = await take(pool, reversed ? charges.reverse() : charges);
          if (decision === null || !fails) return decision === null ? [0, 0] : [first, second];
          await transaction(pool, (tx) => release(tx, decision));
          return [0, 0];
        }),
      );
      const { rows } = await db.pool.query<{ budget: string; used: number; allowed: number }>(
        'select budget, used, allowed from budgets where holder = $1',
        [holder],
      );
      for (const [index, name] of ['b', 'c'].entries()) {
        const row = rows.find(({ budget }) => budget === name);
        const sum = taken.reduce((total, amounts) => total + (amounts[index] ?? 0), 0);
        assert.equal(row?.used ?? 0, sum);
        assert.ok(sum <= (index === 0 ? allowed : 150));
      }
    }),
    { numRuns: 40 },
  );
});

test('what nobody could have decided is refused by Postgres itself: nothing, less than nothing, no number', async () => {
  for (const amount of [0, -1, -1_000_000, NaN, Infinity, 0.5]) {
    const holder = randomUUID();
    await assert.rejects(
      transaction(db.pool, (tx) => reserve(tx, randomUUID(), [charge(holder, amount, 10)])),
    );
    const { rows } = await db.pool.query('select from budgets where holder = $1', [holder]);
    assert.equal(rows.length, 0);
  }
});

test('a call that is given back twice gives back once', async () => {
  const holder = randomUUID();
  const decision = await take(db.pool, [charge(holder, 4, 10)]);
  await take(db.pool, [charge(holder, 5, 10)]);
  for (const pool of [db.pool, other]) await transaction(pool, (tx) => release(tx, decision ?? ''));
  const { rows } = await db.pool.query('select used from budgets where holder = $1', [holder]);
  assert.deepEqual(rows, [{ used: 5 }]);
});

test('which budgets are short is said with what they have left', async () => {
  const holder = randomUUID();
  await take(db.pool, [charge(holder, 1950, 2000)]);
  const asked = [charge(holder, 51, 2000), charge(holder, 51, 2000, 'untouched')];
  assert.deepEqual(await shortBudgets(db.pool, asked), ['b: 0.50 EUR are left']);
  assert.deepEqual(await shortBudgets(db.pool, [charge(holder, 50, 2000)]), []);
});

test('what one holder or one budget used is not held against another', async () => {
  const [one, other] = [randomUUID(), randomUUID()];
  await take(db.pool, [charge(one, 1950, 2000), charge(other, 10, 2000), charge(one, 10, 2000, 'c')]);
  const asked = [charge(other, 51, 2000), charge(one, 51, 2000, 'c'), charge(one, 51, 2000)];
  assert.deepEqual(await shortBudgets(db.pool, asked), ['b: 0.50 EUR are left']);
});

test('only a full budget is taken for one', () => {
  assert.equal(exceededBudget({ code: '23514', constraint: 'within_budget' }), true);
  for (const other of [
    { code: '23514', constraint: 'another_check' },
    { code: '23505', constraint: 'within_budget' },
    new Error('the connection is gone'),
  ])
    assert.equal(exceededBudget(other), false);
});

test('a call that takes nothing asks nothing of Postgres', async () => {
  let sent = 0;
  await transaction(db.pool, (tx) => {
    const counting = { ...tx, send: () => void (sent += 1) };
    reserve(counting, randomUUID(), []);
    return Promise.resolve();
  });
  assert.equal(sent, 0);
});
