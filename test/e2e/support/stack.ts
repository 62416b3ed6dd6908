import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePorts, removeStack, startStack, type Stack } from '../../../gateway/cli/up/index.ts';

/** A stack of its own for one test file, in a folder that goes with it. */
export interface TestStack extends Stack {
  dir: string;
  /** Runs a statement in the gateway's database. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Runs a statement in the demo's systems of record, as the superuser: the tests look, they do not act. */
  demo<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Runs a statement in n8n's database. */
  n8n<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** Starts Postgres, gateway and n8n on free ports. @param env settings laid over the environment */
export async function testStack(
  env: NodeJS.ProcessEnv = {},
  options: { supervise?: boolean; before?: (dir: string) => Promise<void> } = {},
): Promise<TestStack> {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-e2e-'));
  await options.before?.(dir);
  const stack = await startStack({
    dir,
    ports: await freePorts(),
    env,
    supervise: options.supervise ?? false,
  });
  const demoUrl = new URL(stack.postgresUrl);
  demoUrl.pathname = '/gatehouse_demo';
  const query =
    (url: string) =>
    async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query<Row>(text, values)).rows;
      } finally {
        await client.end();
      }
    };
  // The prototype keeps `processes`, a getter, alive.
  return Object.assign(Object.create(stack) as Stack, {
    dir,
    sql: query(stack.databaseUrl),
    demo: query(demoUrl.href),
    n8n: query(stack.n8nDatabaseUrl),
    stop: async () => {
      await stack.stop();
      await removeStack(dir);
    },
  });
}
