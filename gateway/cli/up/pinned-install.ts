import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { GatehouseError } from '../../config/index.ts';
import { appendLog } from './logs.ts';
import { repository } from './layout.ts';
import { identityOf } from './processes.ts';

/** What is too large for the gateway's own dependencies, pinned by a lockfile in a folder of `docker/`. */
export interface Pinned {
  /** Its folder in `docker/`, and the begin of its folder in the cache. */
  name: string;
  title: string;
  /** That it needs on the disk, such as `3 GB`. */
  space: string;
}

const manifestOf = ({ name }: Pinned): string => join(repository, 'docker', name);

/** Where it lies: a folder of the user's cache, keyed by its lockfile, so that clones share it. */
export function pinnedFolder(pinned: Pinned, environment: NodeJS.ProcessEnv = process.env): string {
  const key = createHash('sha256')
    .update(readFileSync(join(manifestOf(pinned), 'package-lock.json')))
    .digest('hex');
  return join(cacheFolder(environment), `${pinned.name}-${key.slice(0, 16)}`);
}

/** The user's cache, for what is fetched or built once. */
export const cacheFolder = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse');

/** Whether it is installed whole. */
export const pinnedInstalled = (pinned: Pinned): boolean =>
  existsSync(join(pinnedFolder(pinned), '.complete'));

/**
 * Installs it by its lockfile into the user's cache, unless it is there. It is built beside its place and renamed when
 * it is whole, so that an interrupted install leaves nothing that looks finished.
 * @param note told every 30 s that the install goes on
 * @param signal ends the install; nothing of it stays
 * @returns its folder
 * @throws GatehouseError `GH-UP-020` when npm fails
 */
export async function installPinned(
  pinned: Pinned,
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const target = pinnedFolder(pinned);
  if (pinnedInstalled(pinned)) return target;
  await mkdir(dirname(target), { recursive: true });
  await removeAbandoned(target);
  const partial = `${target}.partial-${process.pid}`;
  await mkdir(partial);
  for (const name of ['package.json', 'package-lock.json'])
    await copyFile(join(manifestOf(pinned), name), join(partial, name));
  const timer = setInterval(() => note(`npm still downloads and unpacks ${pinned.title}`), 30_000);
  try {
    await npmCi(pinned, partial, `${target}.log`, signal);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    clearInterval(timer);
  }
  await writeFile(join(partial, '.complete'), '');
  if (!pinnedInstalled(pinned)) {
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
  } else await rm(partial, { recursive: true, force: true });
  return target;
}

function npmCi(
  { title, space }: Pinned,
  cwd: string,
  log: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const out = appendLog(log);
  const begin = statSync(log).size;
  // npm hands its own project's settings to what it starts; they must not steer this install.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(name),
    ),
  );
  const child = spawn(
    'npm',
    [
      'ci',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--legacy-peer-deps=false',
      '--omit=dev',
    ],
    { cwd, env, signal, stdio: ['ignore', out, out], shell: process.platform === 'win32' },
  );
  return new Promise((resolve, reject) => {
    const fail = (how: string, cause?: unknown): void =>
      reject(
        new GatehouseError(
          'GH-UP-020',
          `${title} could not be installed: npm ci ${how}.${reasonIn(log, begin)}`,
          {
            status: 500,
            next: `Read ${log}; it needs the npm registry and ${space} of space in ${dirname(cwd)}. Then start again.`,
            cause,
          },
        ),
      );
    child.once('error', (error) => fail('could not be started', error));
    child.once('exit', (code, signal) => (code === 0 ? resolve() : fail(`ended with ${signal ?? code}`)));
  });
}

/** What npm itself says went wrong: its first error lines, on lines of their own. */
function reasonIn(log: string, begin: number): string {
  const said = readFileSync(log).subarray(begin).toString('utf8').split('\n');
  const errors = said.filter((line) => /^npm (error|ERR!) \S/.test(line) && !line.includes('A complete log'));
  return errors
    .slice(0, 4)
    .map((line) => `\n  ${line.slice(0, 300)}`)
    .join('');
}

async function removeAbandoned(target: string): Promise<void> {
  const prefix = `${target.slice(dirname(target).length + 1)}.partial-`;
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(prefix)) continue;
    if (identityOf(Number(name.slice(prefix.length))) === undefined) {
      await rm(join(dirname(target), name), { recursive: true, force: true });
    }
  }
}
