import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { GatehouseError } from '../../config/index.ts';
import { appendLog } from './logs.ts';
import { postgresProgram, type PostgresProgram } from './postgres-binaries.ts';
import { identityOf } from './processes.ts';

/** An own Postgres server: where it keeps its data, its port and its superuser's password. */
export interface PostgresOptions {
  /** folder for the data; its parent must be readable by the user that Postgres runs as */
  dir: string;
  port: number;
  password: string;
  /** file that takes what the server says */
  log: string;
  /** further server settings, as in postgresql.conf */
  settings?: Record<string, string>;
}

// Statements and their parameters hold message text and arguments; the server's log must not.
const quietLog = {
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_error_verbosity: 'terse',
};

/** Makes the data folder at the first start, and removes what a killed server left in it. */
export async function preparePostgres(options: PostgresOptions): Promise<PostgresProgram> {
  const program = await postgresProgram();
  const data = join(options.dir, 'data');
  await mkdir(options.dir, { recursive: true, mode: program.user ? 0o755 : 0o700 });
  if (program.user) await chown(options.dir, program.user.uid, program.user.gid);
  if (existsSync(join(data, 'PG_VERSION'))) await removeStalePid(data);
  else await initialise(program, options, data);
  const socket = socketFile(options);
  for (const stale of [socket, `${socket}.lock`]) await rm(stale, { force: true });
  return program;
}

/** Starts the server process; it is ready when `postgresAnswers`. */
export function spawnPostgres(program: PostgresProgram, options: PostgresOptions): ChildProcess {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: hasSocket(options) ? options.dir : '',
    max_connections: '200',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    ...quietLog,
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const out = appendLog(options.log);
  return spawn(
    join(program.bin, 'postgres'),
    ['-D', join(options.dir, 'data'), '-p', String(options.port), ...flags],
    {
      ...program.user,
      cwd: '/',
      detached: true,
      stdio: ['ignore', out, out],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    },
  );
}

type Place = Pick<PostgresOptions, 'dir' | 'port'>;

/** As libpq names it. */
const socketFile = ({ dir, port }: Place): string => join(dir, `.s.PGSQL.${port}`);

/** Whether the path fits where the smallest of the systems keeps the address of a socket (`sun_path` of macOS: 104 bytes). */
const hasSocket = (place: Place): boolean => Buffer.byteLength(socketFile(place)) < 104;

/**
 * A connection URL that takes the server's Unix socket, which answers sooner than loopback; where its path is too long for one,
 * loopback.
 */
export function nearUrl(place: Place, user: string, password: string, database: string): string {
  const url = `postgres://${user}:${password}@127.0.0.1:${place.port}/${database}`;
  return hasSocket(place) ? `${url}?host=${encodeURIComponent(place.dir)}` : url;
}

/** Whether the server takes connections with our password. */
export async function postgresAnswers(options: Pick<PostgresOptions, 'port' | 'password'>): Promise<boolean> {
  const client = new pg.Client({ connectionString: postgresUrl(options, 'postgres') });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The superuser's connection URL to one database. */
export function postgresUrl(options: Pick<PostgresOptions, 'port' | 'password'>, database: string): string {
  return `postgres://postgres:${options.password}@127.0.0.1:${options.port}/${database}`;
}

async function initialise(program: PostgresProgram, options: PostgresOptions, data: string): Promise<void> {
  // A first start that was killed leaves a partial folder, never a data folder that looks whole.
  const partial = join(options.dir, 'data.partial');
  await rm(partial, { recursive: true, force: true });
  const passwordFile = join(options.dir, 'password');
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (program.user) await chown(passwordFile, program.user.uid, program.user.gid);
  const result = spawnSync(
    join(program.bin, 'initdb'),
    [
      `--pgdata=${partial}`,
      '--auth=scram-sha-256',
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ],
    { ...program.user, cwd: '/', encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } },
  );
  await rm(passwordFile, { force: true });
  if (result.status !== 0) {
    throw new GatehouseError(
      'GH-UP-013',
      `Postgres could not be set up: ${(result.stderr || String(result.error)).trim()}`,
      {
        status: 500,
        next: `Look whether ${options.dir} can be written and has space.`,
      },
    );
  }
  await rename(partial, data);
}

/** After `kill -9` the number in postmaster.pid may belong to a stranger; Postgres would refuse to start for it. */
async function removeStalePid(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  } catch {
    return;
  }
  if (identityOf(pid) !== undefined && isServer(pid, data)) {
    await endServer(pid);
  }
  await rm(file, { force: true });
  // Backends of a killed server notice within moments; the new one must not meet their shared memory.
  await sleep(200);
}

function isServer(pid: number, data: string): boolean {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return stdout.includes(data);
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data);
  } catch {
    return false;
  }
}

async function endServer(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < 5000; waited += 50) {
      if (identityOf(pid) === undefined) return;
      await sleep(50);
    }
  }
}
