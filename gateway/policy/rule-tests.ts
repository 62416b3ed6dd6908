import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runOpa } from './opa.ts';
import { ruleFiles } from './sources.ts';

const run = promisify(execFile);

/** Per cent of the shipped rules' lines that their tests have to reach. */
export const coverageBar = 95;

/** One test, of rules or of a table. */
export interface TestResult {
  /** `file:line` below the policies folder. */
  where: string;
  says: string;
  /** Null where it passed. */
  problem: string | null;
}

/** What `opa test` says of the rules. */
export interface RuleTests {
  results: TestResult[];
  /** Per cent of the lines of `rego/`; null while a test fails, since OPA does not measure then. */
  coverage: number | null;
  /** Lines of `rego/` that no test reaches, as `file:line`. */
  uncovered: string[];
}

interface OpaResult {
  location: { file: string; row: number };
  name: string;
  fail?: boolean;
  error?: unknown;
}
interface Range {
  start: { row: number };
  end: { row: number };
}
interface Coverage {
  files?: Record<string, { covered?: Range[]; not_covered?: Range[] }>;
}

/**
 * Runs the tests of rules (`rego/*_test.rego`, `local/*_test.rego`).
 * @throws GatehouseError `GH-POLICY-010` where OPA refuses a file
 */
export async function runRuleTests(opaPath: string, policiesDir: string): Promise<RuleTests> {
  const files: string[] = [];
  for (const folder of ['rego', 'local'] as const) {
    for (const kind of ['rules', 'tests'] as const) {
      files.push(...(await ruleFiles(policiesDir, folder, kind)).map((name) => join(folder, name)));
    }
  }
  // `opa test` ends with 1 or 2 where tests fail; whether a file is unreadable is found out before.
  await runOpa(opaPath, ['check', '--strict', ...files], policiesDir);
  const [found, covered] = await Promise.all([
    opaTest(opaPath, policiesDir, ['--format', 'json', ...files]),
    opaTest(opaPath, policiesDir, ['--coverage', '--format', 'json', ...files]),
  ]);
  const results = ((JSON.parse(found) ?? []) as OpaResult[]).map(({ location, name, fail, error }) => ({
    where: `${location.file}:${location.row}`,
    says: name.replace(/^test_/, '').replaceAll('_', ' '),
    problem: error ? JSON.stringify(error) : fail ? 'the rule does not hold' : null,
  }));
  return { results, ...coverageOf(covered) };
}

async function opaTest(opaPath: string, cwd: string, options: string[]): Promise<string> {
  const { stdout } = await run(opaPath, ['test', ...options], { cwd, maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: { code?: unknown; stdout?: string }) => {
      if (typeof error.code !== 'number' || error.stdout === undefined) throw error;
      return { stdout: error.stdout };
    },
  );
  return stdout;
}

function coverageOf(printed: string): Pick<RuleTests, 'coverage' | 'uncovered'> {
  let reached = 0;
  const uncovered: string[] = [];
  const rowsOf = (ranges: readonly Range[] = []): number[] =>
    ranges.flatMap(({ start, end }) =>
      Array.from({ length: end.row - start.row + 1 }, (_, index) => start.row + index),
    );
  if (!printed.trimStart().startsWith('{')) return { coverage: null, uncovered };
  const { files = {} } = JSON.parse(printed) as Coverage;
  for (const [file, { covered, not_covered: notCovered }] of Object.entries(files)) {
    if (!file.startsWith('rego/') || file.endsWith('_test.rego')) continue;
    // A line of which a part was not reached counts as one that was not.
    const missed = new Set(rowsOf(notCovered));
    reached += new Set(rowsOf(covered).filter((row) => !missed.has(row))).size;
    uncovered.push(...[...missed].sort((one, other) => one - other).map((row) => `${file}:${row}`));
  }
  const missed = uncovered.length;
  const coverage = reached + missed === 0 ? 0 : (100 * reached) / (reached + missed);
  return { coverage, uncovered };
}
