import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate, openPool, type Pool } from '../../gateway/db/index.ts';

/** A database of its own for one test file, migrated, on the Postgres that the test command started. */
export interface TestDatabase {
  url: string;
  pool: Pool;
  drop(): Promise<void>;
}

/** @throws when no Postgres was started for the tests */
export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env.GATEHOUSE_TEST_POSTGRES;
  if (!server) throw new Error('GATEHOUSE_TEST_POSTGRES is not set: run the tests through npm test');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await administer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = openPool(url.href, 8);
  await migrate(pool);
  return {
    url: url.href,
    pool,
    async drop() {
      await pool.end();
      await administer(server, `drop database ${name} with (force)`);
    },
  };
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
