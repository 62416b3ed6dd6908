import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate, openPool, type Pool } from '../../gateway/db/index.ts';

/** A database of its own for one test file, migrated, on the Postgres that the test command started. */
export interface TestDatabase {
  url: string;
  pool: Pool;
  drop(): Promise<void>;
}

/** The superuser's URL to the Postgres that was started for the tests. @throws when there is none */
export function testServer(): string {
  const server = process.env.GATEHOUSE_TEST_POSTGRES;
  if (!server) throw new Error('GATEHOUSE_TEST_POSTGRES is not set: run the tests through npm test');
  return server;
}

/** The database that those of the tests are copies of: to copy one takes a fraction of what its migrations take. */
const migrated = 'gatehouse_migrated';

/** Makes a Postgres ready for {@link testDatabase}. @param server the superuser's URL */
export async function prepareServer(server: string): Promise<void> {
  await administer(server, `create database ${migrated}`);
  const pool = openPool(urlOf(server, migrated), 1);
  await migrate(pool);
  await pool.end();
}

const urlOf = (server: string, database: string): string =>
  Object.assign(new URL(server), { pathname: `/${database}` }).href;

/** @param connections of its pool at most @throws when no Postgres was started for the tests */
export async function testDatabase(connections = 8): Promise<TestDatabase> {
  const server = testServer();
  const name = `t_${randomBytes(6).toString('hex')}`;
  await administer(server, `create database ${name} template ${migrated} strategy file_copy`);
  const url = urlOf(server, name);
  const pool = openPool(url, connections);
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      await administer(server, `drop database ${name} with (force)`);
    },
  };
}

/** Runs one statement of the server's superuser. */
export async function administer(server: string, statement: string): Promise<void> {
  await queryOn(server)(statement);
}

/** Runs statements in one database. */
export type Query = <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Statements that tests look with, each over a connection of its own. */
export function queryOn(url: string): Query {
  return async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
}
