import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { openPool, transaction, type Pool } from '../../../gateway/db/index.ts';
import { problemOf } from '../../../gateway/server/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let db: TestDatabase;
let pool: Pool;
before(async () => {
  db = await testDatabase();
  pool = openPool(db.url, 2);
});
after(async () => {
  await pool.end();
  await db.drop();
});

const failed = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );

/** Ends the connection of a transaction from another one. */
async function cutting(afterwards: () => Promise<void>): Promise<unknown> {
  return failed(
    transaction(pool, async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      await db.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await afterwards();
      await tx.query('select 1');
    }),
  );
}

test('a connection that is lost while a statement waits, or between two of them, means to try again', async () => {
  const errors = [await cutting(() => Promise.resolve()), await cutting(() => sleep(200))];
  assert.match(String(errors[1]), /is not queryable$/);
  for (const error of errors) {
    const { code, status, retryAfter } = problemOf(error);
    assert.deepEqual([code, status, retryAfter], ['GH-STORE-001', 503, 5], String(error));
  }
});

test('a mistake of ours does not', async () => {
  const error = await failed(transaction(pool, (tx) => tx.query('select nothing')));
  assert.deepEqual([problemOf(error).status, problemOf(error).retryAfter], [500, undefined]);
});
