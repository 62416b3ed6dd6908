import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, removeStack, startStack, type Stack } from '../../../gateway/cli/up/index.ts';
import { queryOn, type Query } from '../../support/postgres.ts';

/** A stack of its own for one test file, in a folder that goes with it. */
export interface TestStack extends Stack {
  dir: string;
  /** Runs a statement in the gateway's database. */
  sql: Query;
  /** Runs a statement in the demo's systems of record, as the superuser: the tests look, they do not act. */
  demo: Query;
  /** Runs a statement in n8n's database. */
  n8n: Query;
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
  // The prototype keeps `processes`, a getter, alive.
  return Object.assign(Object.create(stack) as Stack, {
    dir,
    sql: queryOn(stack.databaseUrl),
    demo: queryOn(demoUrl.href),
    n8n: queryOn(stack.n8nDatabaseUrl),
    stop: async () => {
      await stack.stop();
      await removeStack(dir);
    },
  });
}
