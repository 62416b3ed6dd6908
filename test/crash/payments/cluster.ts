import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, openPool } from '../../../gateway/db/index.ts';
import { createClients } from '../../../gateway/sessions/index.ts';
import { freePorts } from '../../../gateway/cli/up/index.ts';
import {
  postgresAnswers,
  postgresUrl,
  preparePostgres,
  spawnPostgres,
} from '../../../gateway/cli/up/postgres.ts';
import { gatewayFolder, startGateway, until, type GatewayProcess } from '../../support/gateway.ts';
import { queryOn, type Query } from '../../support/postgres.ts';

export const parts = ['gateway', 'worker', 'postgres'] as const;
export type Part = (typeof parts)[number];

/** A start takes a second or two; on a machine that does much else it may take a while. */
const patienceMs = 180_000;

/** Two gateways on one Postgres, each of which can be killed and started again. */
export interface Cluster {
  sql: Query;
  token: string;
  /** Where the gateways that live at this moment take calls. */
  urls(): string[];
  /** Ends a part with `kill -9`. */
  kill(part: Part): Promise<void>;
  start(part: Part): Promise<void>;
  stop(): Promise<void>;
}

/** @param prepare changes the copy of the policies and sets secrets before anything is started */
export async function startCluster(
  prepare: (folder: { policiesDir: string; dataDir: string }) => Promise<void>,
): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-payments-'));
  await chmod(dir, 0o755);
  const { postgres: port } = await freePorts();
  const options = { dir: join(dir, 'postgres'), port, password: 'test', log: join(dir, 'postgres.log') };
  const url = postgresUrl(options, 'postgres');
  const gateways = new Map<Part, GatewayProcess>();
  let server: ReturnType<typeof spawnPostgres> | undefined;

  const startServer = async (): Promise<void> => {
    server = spawnPostgres(await preparePostgres(options), options);
    await until('a Postgres that answers', patienceMs, () => postgresAnswers(options));
  };
  await startServer();
  const pool = openPool(url, 1);
  await migrate(pool);
  const token = await createClients({ pool }).issue('payments', ['run']);
  await pool.end();
  const folder = await gatewayFolder(prepare);
  const env = { GATEHOUSE_DATABASE_URL: url, GATEHOUSE_RUN_CALL_BUDGET: '1000' };
  const start = async (part: Part): Promise<void> => {
    if (part === 'postgres') await startServer();
    else gateways.set(part, await startGateway(folder, env, patienceMs));
  };
  const kill = async (part: Part): Promise<void> => {
    if (part === 'postgres') {
      assert.ok(server?.pid);
      const exit = once(server, 'exit');
      process.kill(server.pid, 'SIGKILL');
      await exit;
      return;
    }
    const gateway = gateways.get(part);
    assert.ok(gateway, `${part} runs`);
    gateways.delete(part);
    process.kill(gateway.pid, 'SIGKILL');
    await gateway.stop();
  };
  await Promise.all([start('gateway'), start('worker')]);
  return {
    sql: queryOn(url),
    token,
    urls: () => [...gateways.values()].map(({ internalUrl }) => internalUrl),
    kill,
    start,
    async stop() {
      for (const part of [...gateways.keys()]) await kill(part);
      if (server?.exitCode === null) await kill('postgres');
      await folder.remove();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
