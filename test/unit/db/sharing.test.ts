import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { shareTransactions, transaction, type Transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
  await database.pool.query(
    'create table things (id int primary key, written_by xid default pg_current_xact_id()::xid)',
  );
});
after(() => database.drop());
beforeEach(() => database.pool.query('truncate things'));

const insert = {
  name: 'insert-things',
  text: 'insert into things (id) select id from json_to_recordset($1) as t (id int) returning id',
};
const add =
  (id: number) =>
  (tx: Transaction): number => {
    tx.gather(insert, { id });
    return id;
  };
const stored = async (): Promise<{ id: number; by: string }[]> =>
  (
    await database.pool.query<{ id: number; by: string }>(
      'select id, written_by::text as by from things order by id',
    )
  ).rows;
const ids = async (): Promise<number[]> => (await stored()).map(({ id }) => id);

describe('rows that a transaction gathers', () => {
  it('go in one statement, and each hears what it returned', async () => {
    const heard: number[][] = [];
    const statements = await transaction(database.pool, async (tx) => {
      for (const id of [1, 2, 3])
        tx.gather<{ id: number }>(insert, { id }, (rows) => heard.push(rows.map((row) => row.id)));
      const { rows } = await tx.query<{ statements: number }>(
        'select count(distinct step)::int as statements from (select cmin::text as step from things) as t',
      );
      return rows[0]?.statements;
    });
    assert.equal(statements, 1);
    assert.deepEqual(heard, [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('are there for each statement that comes after them', async () => {
    await transaction(database.pool, async (tx) => {
      tx.gather(insert, { id: 1 });
      const { rows } = await tx.query('select id from things');
      assert.deepEqual(rows, [{ id: 1 }]);
      tx.gather(insert, { id: 2 });
    });
    assert.deepEqual(await ids(), [1, 2]);
  });

  it('keep apart what comes with other values', async () => {
    const text = `insert into things (id) select id + $2::int from json_to_recordset($1) as t (id int)`;
    await transaction(database.pool, (tx) => {
      for (const more of [10, 20]) tx.gather({ name: 'more-things', text, values: [more] }, { id: 1 });
    });
    assert.deepEqual(await ids(), [11, 21]);
  });
});

describe('shared transactions', () => {
  it('commit together what comes while one is under way, and answer each', async () => {
    const share = shareTransactions(database.pool);
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map((id) => share(add(id)))), [1, 2, 3, 4]);
    assert.equal(new Set((await stored()).map(({ by }) => by)).size, 1);
  });

  it('fail nobody for the fault of another', async () => {
    await transaction(database.pool, add(2));
    const share = shareTransactions(database.pool);
    const thrown = (): number => {
      throw new Error('not this one');
    };
    const settled = await Promise.allSettled([share(add(1)), share(add(2)), share(thrown), share(add(3))]);
    assert.deepEqual(
      settled.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
      [1, 'error: duplicate key value violates unique constraint "things_pkey"', 'Error: not this one', 3],
    );
    assert.deepEqual(await ids(), [1, 2, 3]);
  });

  it('end only when all work has: none is left to write into a transaction that is over', async () => {
    const share = shareTransactions(database.pool);
    let open = 0;
    const slow = async (tx: Transaction): Promise<void> => {
      open += 1;
      await tx.query('select pg_sleep(0.05)');
      tx.gather(insert, { id: open });
      open -= 1;
    };
    const failing = (): never => {
      throw new Error('at once');
    };
    await Promise.allSettled([share(slow), share(failing)]);
    assert.equal(open, 0);
    assert.deepEqual(await ids(), [1]);
  });
});

describe('plans', () => {
  it('are kept by statements of a shared transaction, and by those of no other', async () => {
    const shared = shareTransactions(database.pool);
    const mode = async (tx: Transaction): Promise<unknown> =>
      (await tx.query<{ mode: string }>(`select current_setting('plan_cache_mode') as mode`)).rows[0]?.mode;
    const [, ...together] = await Promise.all([shared(mode), shared(mode), shared(mode)]);
    assert.deepEqual(together, ['force_generic_plan', 'force_generic_plan']);
    assert.equal(await transaction(database.pool, mode), 'auto');
  });
});
