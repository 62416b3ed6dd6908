/**
 * Runs the suites against one Postgres that is started for them and prints, as its last line, what they add up to.
 * Usage: npm test [-- SUITE… FILTER… ROUNDS], for example: npm test -- unit policy, npm run test:crash -- 50
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  installLlama,
  installN8n,
  llamaInstalled,
  n8nInstalled,
  repository,
  terminalReporter,
} from '../gateway/cli/up/index.ts';
import { findOpa, installOpa, opaVersion } from '../gateway/policy/index.ts';
import { runSuite, type Totals } from './suite.ts';
import { cpuModelThere, fetchCpuModel } from './support/cpu-model.ts';
import { startTestServer } from './support/server.ts';
import { findVault, installVault, vaultVersion } from './support/vault-build.ts';

const suites = ['unit', 'contract', 'e2e', 'crash'] as const;
type Suite = (typeof suites)[number];

interface Request {
  suites: Suite[];
  /** only test files whose path holds one of these */
  filters: string[];
  rounds: number;
  /** of the crash test that only pays, whose rounds take seconds */
  payments: number;
}

function readArguments(args: string[]): Request {
  const named = suites.filter((suite) => args.includes(suite));
  const numbers = args.filter((arg) => /^\d+$/.test(arg)).map(Number);
  const filters = args.filter((arg) => !(suites as readonly string[]).includes(arg) && !/^\d+$/.test(arg));
  const alone = named.length === 1 && named[0] === 'crash';
  return {
    suites: named.length > 0 ? named : [...suites],
    filters,
    rounds: numbers[0] ?? (alone ? 30 : 3),
    payments: numbers[0] ?? (alone ? 100 : 6),
  };
}

async function main(): Promise<number> {
  const request = readArguments(process.argv.slice(2));
  const report = terminalReporter();
  const stop = await report.step('Postgres for the tests', startTestServer);
  const interrupted = (): void => void stop().then(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupted);
  process.once('disconnect', interrupted);
  process.channel?.unref();
  try {
    process.env.GATEHOUSE_TEST_CRASH_ROUNDS = String(request.rounds);
    process.env.GATEHOUSE_TEST_PAYMENT_ROUNDS = String(request.payments);
    tellWhatIsMissing((text) => report.warn(text));
    await report.step('Nodes built', async () => {
      const built = spawnSync(process.execPath, [join(repository, 'scripts/build.mjs')], {
        encoding: 'utf8',
      });
      if (built.status !== 0) throw new Error(`scripts/build.mjs failed:\n${built.stdout}${built.stderr}`);
    });
    if (!(await findOpa())) {
      if (spawnSync('go', ['version']).status === 0)
        await report.step(
          `OPA ${opaVersion}`,
          installOpa,
          'built with Go, once for this user; about 2 minutes',
        );
      else report.warn('NO OPA and NO GO: tests that compile rules are skipped. Install one of them');
    }
    if (await uses(request, '/support/cpu-model.ts')) {
      if (!llamaInstalled())
        await report.step(
          'node-llama-cpp installed',
          (note) => installLlama(note),
          'about 120 MB by its lockfile',
        );
      if (!cpuModelThere())
        await report
          .step('A small model', fetchCpuModel, '240 MB, once for this user. Tests only')
          .catch((error: unknown) =>
            report.warn(
              `NO MODEL, tests that serve one are skipped: ${String(error)}. On Debian: apt-get install python3-pip`,
            ),
          );
    }
    if ((await uses(request, '/support/vault-server.ts')) && !(await findVault())) {
      if (spawnSync('go', ['version']).status === 0) {
        await report
          .step(
            `Vault ${vaultVersion}`,
            installVault,
            'built with Go, once for this user; 10 to 20 minutes. Tests only',
          )
          .catch((error: unknown) =>
            report.warn(`NO VAULT, tests against one are skipped: ${String(error)}`),
          );
      } else report.warn('NO VAULT and NO GO: tests against a real one are skipped. Install Go');
    }
    if (request.suites.some((suite) => suite === 'e2e' || suite === 'crash')) {
      const hint = n8nInstalled() ? undefined : '2.8 GB by its lockfile, once for this user; 3 to 10 minutes';
      await report.step('n8n installed', (note) => installN8n(note), hint);
    }
    return finish(await runAll(request));
  } finally {
    await stop();
  }
}

async function runAll(request: Request): Promise<Totals> {
  const all: Totals = { passed: 0, failed: 0, skipped: [] };
  for (const suite of request.suites) {
    const files = await testFiles(suite, request.filters);
    if (files.length === 0) continue;
    process.stdout.write(`\n${suite}: ${files.length} files\n`);
    const totals = await runSuite(files, {
      // Suites that start a whole stack share the machine with nobody.
      concurrency: suite === 'unit' || suite === 'contract' ? 2 : 1,
      timeoutMs: suite === 'unit' || suite === 'contract' ? 300_000 : 40 * 60_000,
      verbose: suite === 'e2e' || suite === 'crash',
    });
    all.passed += totals.passed;
    all.failed += totals.failed;
    all.skipped.push(...totals.skipped);
  }
  return all;
}

async function testFiles(suite: Suite, filters: string[]): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(`test/${suite}/**/*.test.ts`, { cwd: repository })) {
    if (filters.length === 0 || filters.some((filter) => file.includes(filter)))
      files.push(join(repository, file));
  }
  return files.sort();
}

/** Whether a test that was asked for imports this file of `test/support`. */
async function uses({ suites: asked, filters }: Request, support: string): Promise<boolean> {
  const files = await Promise.all(asked.map((suite) => testFiles(suite, filters)));
  const texts = await Promise.all(files.flat().map((file) => readFile(file, 'utf8')));
  return texts.some((text) => text.includes(support));
}

/** What suites need beyond npm, so that nobody takes a skipped test for a passed one. */
function tellWhatIsMissing(warn: (text: string) => void): void {
  const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    existsSync,
  );
  if (chromium) process.env.GATEHOUSE_TEST_CHROMIUM = chromium;
  else warn('NO CHROMIUM: browser tests are skipped. On Debian: apt-get install chromium');
  if (spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 }).status === 0)
    process.env.GATEHOUSE_TEST_DOCKER = '1';
  else warn('NO DOCKER: sandbox tests are skipped. On Debian: apt-get install docker.io, then start dockerd');
}

function finish({ passed, failed, skipped }: Totals): number {
  const complete = process.env.CI === 'true';
  for (const { name, reason } of skipped) {
    process.stdout.write(`${complete ? 'NOT RUN' : 'SKIPPED'}: ${name}${reason ? ` (${reason})` : ''}\n`);
  }
  // A machine that is prepared for everything must run everything.
  const failures = failed + (complete ? skipped.length : 0);
  if (passed + failures === 0) process.stdout.write('No test ran.\n');
  process.stdout.write(`\n${passed} passed, ${failures} failed, ${complete ? 0 : skipped.length} skipped\n`);
  return failures > 0 || passed === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write('\n0 passed, 1 failed, 0 skipped\n');
  process.exitCode = 1;
}
