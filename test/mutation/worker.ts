/**
 * A process that runs a room's tests, against one mutant after the other. Usage: forked as worker.ts TEST-FILE…; it
 * answers each {@link Request} with an {@link Outcome}.
 */
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { load, runTest, type TestFile } from './node-test.ts';

export interface Request {
  /** Unset for a run that sees which test reaches which mutant. */
  mutant?: string;
  /** Ids of the tests to run; unset: all. */
  only?: string[] | undefined;
  /** So often may a mutant be reached before it counts as an endless loop. */
  hitLimit?: number | undefined;
  /** Whether to end with the first test that fails. */
  bail: boolean;
}

export interface Outcome {
  tests: { id: string; file: string; skipped: boolean; ms: number; error?: string }[];
  coverage?: Mutants['mutantCoverage'];
}

/** What Stryker's instrumented code looks for. */
interface Mutants {
  activeMutant?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> };
}

const mutants: Mutants = ((globalThis as { __stryker__?: Mutants }).__stryker__ ??= {});

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'node:test' ? new URL('node-test.ts', import.meta.url).href : specifier, context),
});

// Rules that answer late are not believed, and a busy machine makes them late: here time is what this process computed.
performance.now = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

let uncaught: unknown = null;
process.on('uncaughtException', (error) => (uncaught ??= error));

const loaded = new Map<string, TestFile>();

/** A test file is loaded when it is needed first: a new process often ends with the first of them. */
async function fileAt(path: string): Promise<TestFile> {
  const file = loaded.get(path) ?? (await load(path, pathToFileURL(resolve(path)).href));
  loaded.set(path, file);
  return file;
}

async function run(paths: string[], { mutant, only, hitLimit, bail }: Request): Promise<Outcome> {
  Object.assign(mutants, {
    activeMutant: mutant,
    hitLimit,
    hitCount: hitLimit === undefined ? undefined : 0,
  });
  const outcome: Outcome = { tests: [] };
  const wanted = new Set(only);
  for (const path of paths) {
    if (only !== undefined && !only.some((id) => id.startsWith(`${path} `))) continue;
    mutants.currentTestId = undefined;
    const file = await fileAt(path);
    const tests = file.tests.filter(({ id }) => only === undefined || wanted.has(id));
    if (tests.length === 0) continue;
    // What a file prepares belongs to all of its tests.
    const broken = await all(file.hooks.before);
    for (const { id, skip, body } of tests) {
      mutants.currentTestId = id;
      uncaught = null;
      const begun = performance.now();
      const failure = skip ? null : (broken ?? (await runTest(file, body)) ?? uncaught);
      const error = failure === null ? {} : { error: inspect(failure) };
      outcome.tests.push({ id, file: file.name, skipped: skip, ms: performance.now() - begun, ...error });
      if (failure !== null && bail) break;
    }
    mutants.currentTestId = undefined;
    await all(file.hooks.after);
    if (bail && outcome.tests.some(({ error }) => error !== undefined)) break;
  }
  // Where no test reaches any mutant, none of them says so; without a word, each mutant would be tried with every test.
  const coverage = mutants.mutantCoverage ?? { static: {}, perTest: {} };
  return { ...outcome, ...(mutant === undefined && { coverage }) };
}

/** @returns what the first of them failed with, or null */
async function all(hooks: (() => unknown)[]): Promise<unknown> {
  try {
    for (const work of hooks) await work();
    return null;
  } catch (error) {
    return error ?? new Error('failed');
  }
}

process.on('message', (request: Request) => {
  const paths = process.argv.slice(2);
  void run(paths, request).then(
    (outcome) => process.send?.(outcome),
    // The change breaks the code while it is loaded.
    (error: unknown) => {
      const [id = ''] = request.only ?? paths;
      process.send?.({ tests: [{ id, file: id, skipped: false, ms: 0, error: inspect(error) }] });
    },
  );
});
process.send?.('ready');
