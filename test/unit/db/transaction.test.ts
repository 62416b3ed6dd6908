import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
  await database.pool.query('create table things (id int primary key)');
});
after(() => database.drop());
beforeEach(() => database.pool.query('truncate things'));

const add = (id: number): { text: string; values: unknown[] } => ({
  text: 'insert into things values ($1)',
  values: [id],
});
const stored = async (): Promise<number[]> =>
  (await database.pool.query<{ id: number }>('select id from things order by id')).rows.map((row) => row.id);

describe('a transaction', () => {
  it('commits what was sent and what was waited for', async () => {
    const answer = await transaction(database.pool, async (tx) => {
      tx.send(add(1));
      await tx.query(add(2));
      tx.send(add(3));
      return 'done';
    });
    assert.equal(answer, 'done');
    assert.deepEqual(await stored(), [1, 2, 3]);
  });

  it('is nothing where the last statement, which nobody waited for, failed', async () => {
    await assert.rejects(
      transaction(database.pool, (tx) => {
        tx.send(add(1));
        tx.send(add(1));
        return Promise.resolve();
      }),
      { code: '23505' },
    );
    assert.deepEqual(await stored(), []);
  });

  it('tells the failure that came first, not that the rest was aborted', async () => {
    const failing = transaction(database.pool, async (tx) => {
      tx.send(add(1));
      tx.send(add(1));
      await tx.query(add(2));
    });
    await assert.rejects(failing, { code: '23505' });
  });

  it('runs what was put off last, right before the commit, and fails with it', async () => {
    const late = (id: number): Promise<void> =>
      transaction(database.pool, async (tx) => {
        tx.beforeCommit(() => tx.send(add(id)));
        await tx.query(add(1));
      });
    await assert.rejects(late(1), { code: '23505' });
    assert.deepEqual(await stored(), []);
    await late(2);
    assert.deepEqual(await stored(), [1, 2]);
  });

  it('never calls itself committed after a failure that was swallowed', async () => {
    const swallowing = transaction(database.pool, async (tx) => {
      await tx.query(add(1));
      await tx.query(add(1)).catch(() => undefined);
    });
    await assert.rejects(swallowing, /rolled back/);
    assert.deepEqual(await stored(), []);
  });

  it('gives its connection back clean, whatever became of it', async () => {
    const single = await testDatabase();
    try {
      for (let round = 0; round < 20; round += 1) {
        await transaction(single.pool, (tx) => {
          tx.send({ text: 'select 1 / 0' });
          return Promise.resolve();
        }).catch(() => undefined);
      }
      const { rows } = await single.pool.query('select 1 as one');
      assert.deepEqual(rows, [{ one: 1 }]);
    } finally {
      await single.drop();
    }
  });
});
