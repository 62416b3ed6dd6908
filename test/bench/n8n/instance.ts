import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePorts, installN8n } from '../../../gateway/cli/up/index.ts';
import { n8nEnvironment, n8nProgram, type N8nOptions } from '../../../gateway/cli/up/n8n-environment.ts';
import { n8nAnswers, serverFlags } from '../../../gateway/cli/up/n8n.ts';

/** `shipped` has the environment of `npm start`; `stock` has n8n's defaults, with its calls home switched off. */
export type Variant = 'shipped' | 'stock';

/** An n8n server of its own, with a database of its own on the bench's Postgres. */
export interface Instance {
  /** Address of the webhook of `workflow.json`, which answers when its execution is over. */
  webhook: string;
  stop(): Promise<void>;
}

/** The workflow that both variants run: a webhook, a node that does nothing, an answer. */
export const workflowFile = join(import.meta.dirname, 'workflow.json');
const { id: workflowId } = JSON.parse(await readFile(workflowFile, 'utf8')) as { id: string };

/** Starts an n8n with the bench's workflow published. */
export async function startInstance(variant: Variant): Promise<Instance> {
  const server = process.env.GATEHOUSE_TEST_POSTGRES;
  if (!server) throw new Error('GATEHOUSE_TEST_POSTGRES is not set');
  const database = `bench_${variant}_${randomBytes(4).toString('hex')}`;
  await administer(server, `create database ${database}`);
  const userFolder = await mkdtemp('/var/tmp/gatehouse-bench-n8n-');
  const ports = await freePorts();
  const options: N8nOptions = {
    program: await installN8n(() => undefined),
    userFolder,
    port: ports.n8n,
    brokerPort: ports.broker,
    postgres: { port: Number(new URL(server).port), password: '' },
    keys: { encryptionKey: 'bench', hmacSecret: 'bench', jwtSecret: 'bench' },
    owner: undefined,
    publicUrl: `http://127.0.0.1:${ports.n8n}`,
    credentialsOverwrite: undefined,
    log: join(userFolder, 'n8n.log'),
    user: { PATH: process.env.PATH, HOME: process.env.HOME },
  };
  const env = { ...environmentOf(variant, options), ...databaseOf(server, database) };
  const run = (args: string[]): ChildProcess => {
    const out = openSync(options.log, 'a');
    const flags = variant === 'shipped' ? serverFlags : [];
    return spawn(process.execPath, [...flags, n8nProgram(options), ...args], {
      cwd: userFolder,
      env,
      stdio: ['ignore', out, out],
    });
  };
  for (const args of [
    ['import:workflow', `--input=${workflowFile}`],
    ['publish:workflow', `--id=${workflowId}`],
  ]) {
    const [code] = (await once(run(args), 'exit')) as [number | null];
    if (code !== 0) throw new Error(`n8n ${args[0]} failed: ${await tail(options.log)}`);
  }
  const child = run(['start']);
  const webhook = `http://127.0.0.1:${ports.n8n}/webhook/bench-bare`;
  await untilAnswered(webhook, child, options);
  return {
    webhook,
    async stop() {
      const gone = once(child, 'exit');
      child.kill();
      await Promise.race([gone, sleep(10_000).then(() => child.kill('SIGKILL'))]);
      await administer(server, `drop database ${database} with (force)`);
      await rm(userFolder, { recursive: true, force: true });
    },
  };
}

function environmentOf(variant: Variant, options: N8nOptions): NodeJS.ProcessEnv {
  if (variant === 'shipped') return n8nEnvironment(options);
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_ENV: 'production',
    N8N_USER_FOLDER: options.userFolder,
    N8N_LISTEN_ADDRESS: '127.0.0.1',
    N8N_PORT: String(options.port),
    N8N_RUNNERS_BROKER_PORT: String(options.brokerPort),
    N8N_ENCRYPTION_KEY: options.keys.encryptionKey,
    DB_TYPE: 'postgresdb',
    N8N_DIAGNOSTICS_ENABLED: 'false',
    N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
    N8N_TEMPLATES_ENABLED: 'false',
  };
}

function databaseOf(server: string, database: string): NodeJS.ProcessEnv {
  const url = new URL(server);
  return {
    DB_POSTGRESDB_HOST: url.hostname,
    DB_POSTGRESDB_PORT: url.port,
    DB_POSTGRESDB_DATABASE: database,
    DB_POSTGRESDB_USER: url.username,
    DB_POSTGRESDB_PASSWORD: url.password,
  };
}

async function untilAnswered(webhook: string, child: ChildProcess, options: N8nOptions): Promise<void> {
  const until = Date.now() + 120_000;
  for (;;) {
    if (await n8nAnswers(options).catch(() => false)) {
      const answer = await fetch(webhook, { method: 'POST' });
      await answer.body?.cancel();
      if (answer.ok) return;
    }
    if (child.exitCode !== null || Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`n8n did not start: ${await tail(options.log)}`);
    }
    await sleep(200);
  }
}

const tail = async (file: string): Promise<string> => (await readFile(file, 'utf8')).slice(-1000);

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
