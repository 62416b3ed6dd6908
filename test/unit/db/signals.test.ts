import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Signals, transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

describe('signals', () => {
  it('wake a listener at commit, and again after the connection was lost', async () => {
    const signals = new Signals(database.url);
    let wake: (payload: string) => void = () => undefined;
    const next = (): Promise<string> =>
      new Promise((resolve) => {
        wake = (payload) => payload !== '' && resolve(payload);
      });
    signals.on('work', (payload) => wake(payload));
    await signals.start();
    const first = next();
    await database.pool.query(`select pg_notify('work', 'one')`);
    assert.equal(await first, 'one');

    const reconnected = new Promise<void>((resolve) => {
      wake = (payload) => payload === '' && resolve();
    });
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and datname = current_database()`,
    );
    await reconnected;
    const second = next();
    await database.pool.query(`select pg_notify('work', 'two')`);
    assert.equal(await second, 'two');
    await signals.stop();
  });
});

describe('a transaction', () => {
  it('fails alone when its connection dies between two statements', async () => {
    const killer = database.pool;
    await assert.rejects(
      transaction(killer, async (tx) => {
        const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
        await killer.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
        // The connection's last error arrives while no statement runs on it.
        await new Promise((resolve) => setTimeout(resolve, 100));
        await tx.query('select 1');
      }),
    );
    assert.equal((await killer.query('select 1 as one')).rows.length, 1);
  });

  it('leaves nothing behind when its work throws', async () => {
    await assert.rejects(
      transaction(database.pool, async (tx) => {
        await tx.query(`insert into clients (id, token_hash, scopes) values ('x', '\\x00', '{}')`);
        throw new Error('stop');
      }),
      /stop/,
    );
    const { rows } = await database.pool.query('select 1 from clients');
    assert.equal(rows.length, 0);
  });
});
