import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, installN8n } from '../../gateway/cli/up/index.ts';
import { n8nEnvironment, n8nProgram, type N8nOptions } from '../../gateway/cli/up/n8n-environment.ts';
import { n8nAnswers, serverFlags } from '../../gateway/cli/up/n8n.ts';
import { administer, testServer } from './postgres.ts';

/** `shipped` has the environment of `npm start`; `stock` has n8n's defaults, with its calls home switched off. */
export type Variant = 'shipped' | 'stock';

/** An n8n server of its own, with a database of its own on the test Postgres. */
export interface N8nServer {
  url: string;
  databaseUrl: string;
  log: string;
  stop(): Promise<void>;
}

/** What can be done to an n8n before it starts. */
export interface Unstarted {
  userFolder: string;
  /** Runs one of n8n's own commands to its end. */
  command(args: string[]): Promise<void>;
}

/**
 * Starts an n8n and waits until it answers.
 * @param prepare runs before the server starts
 * @param more laid over its environment
 */
export async function startN8n(
  variant: Variant,
  prepare: (n8n: Unstarted) => Promise<unknown>,
  more: NodeJS.ProcessEnv = {},
): Promise<N8nServer> {
  const server = testServer();
  const database = `n8n_${variant}_${randomBytes(4).toString('hex')}`;
  await administer(server, `create database ${database}`);
  // Not the temporary folder: that may be memory, and n8n's binary data is not small.
  const userFolder = await mkdtemp('/var/tmp/gatehouse-n8n-');
  const ports = await freePorts();
  const options: N8nOptions = {
    program: await installN8n(() => undefined),
    userFolder,
    port: ports.n8n,
    brokerPort: ports.broker,
    postgres: { port: Number(new URL(server).port), password: '' },
    keys: { encryptionKey: 'test', hmacSecret: 'test', jwtSecret: 'test' },
    owner: undefined,
    publicUrl: `http://127.0.0.1:${ports.n8n}`,
    credentialsOverwrite: undefined,
    flowGuard: undefined,
    log: join(userFolder, 'n8n.log'),
    user: { PATH: process.env.PATH, HOME: process.env.HOME },
  };
  const env = { ...environmentOf(variant, options), ...databaseOf(server, database), ...more };
  const run = (args: string[]): ChildProcess => {
    const out = openSync(options.log, 'a');
    const flags = variant === 'shipped' ? serverFlags : [];
    return spawn(process.execPath, [...flags, n8nProgram(options), ...args], {
      cwd: userFolder,
      env,
      stdio: ['ignore', out, out],
    });
  };
  await prepare({
    userFolder,
    async command(args) {
      const [code] = (await once(run(args), 'exit')) as [number | null];
      if (code !== 0) throw new Error(`n8n ${args[0]} failed: ${await tail(options.log)}`);
    },
  });
  const child = run(['start']);
  await untilAnswered(child, options);
  const databaseUrl = new URL(server);
  databaseUrl.pathname = `/${database}`;
  return {
    url: `http://127.0.0.1:${ports.n8n}`,
    databaseUrl: databaseUrl.href,
    log: options.log,
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

async function untilAnswered(child: ChildProcess, options: N8nOptions): Promise<void> {
  const until = Date.now() + 120_000;
  while (!(await n8nAnswers(options).catch(() => false))) {
    if (child.exitCode !== null || Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`n8n did not start: ${await tail(options.log)}`);
    }
    await sleep(200);
  }
}

const tail = async (file: string): Promise<string> => (await readFile(file, 'utf8')).slice(-1000);
