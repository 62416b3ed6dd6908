import { relative } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import { repository } from '../gateway/cli/up/index.ts';

/** What came of a set of test files. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: { name: string; reason: string }[];
}

/**
 * Runs test files, each in a process of its own, and prints one line a file and the whole of what failed.
 * @param options.verbose prints each test as it ends and what it says, for suites that take minutes
 */
export async function runSuite(
  files: string[],
  options: { concurrency: number; timeoutMs: number; verbose: boolean },
): Promise<Totals> {
  const totals: Totals = { passed: 0, failed: 0, skipped: [] };
  const said = new Map<string, string>();
  const stream = run({ files, concurrency: options.concurrency, timeout: options.timeoutMs });
  for await (const event of stream) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      const { file, message } = event.data;
      if (options.verbose) process.stdout.write(message);
      else said.set(file ?? '', (said.get(file ?? '') ?? '') + message);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { data } = event;
      const skipped = data.skip !== undefined && data.skip !== false;
      // A group passes by its tests, which are counted; one that was skipped or broke on its own counts itself.
      if (data.details.type === 'suite' && event.type === 'test:pass' && !skipped) continue;
      if (skipped) {
        totals.skipped.push({ name: data.name, reason: typeof data.skip === 'string' ? data.skip : '' });
      } else if (event.type === 'test:pass') {
        if (data.details.type === 'test' && files.includes(data.name)) continue;
        totals.passed += 1;
        if (options.verbose)
          process.stdout.write(`    ok    ${data.name}  ${seconds(data.details.duration_ms)}\n`);
      } else {
        if (isConsequence(event.data.details.error)) continue;
        totals.failed += 1;
        process.stdout.write(
          `\n    FAIL  ${data.name}\n          ${where(data)}\n${indent(describe(event.data.details.error))}\n`,
        );
        if (files.includes(data.name))
          process.stdout.write(`${indent((said.get(data.name) ?? '').slice(-4000))}\n`);
      }
    } else if (event.type === 'test:summary' && event.data.file !== undefined) {
      const { file, duration_ms: duration, success } = event.data;
      const { passed, failed, skipped } = event.data.counts;
      const name = relative(repository, file)
        .replace(/^test\//, '')
        .replace(/\.test\.ts$/, '');
      const skips = skipped > 0 ? `, ${skipped} skipped` : '';
      const fails = failed > 0 ? `, ${failed} failed` : '';
      process.stdout.write(
        `  ${success ? 'ok  ' : 'FAIL'}  ${name.padEnd(44)} ${String(passed).padStart(4)} passed${fails}${skips}  ${seconds(duration)}\n`,
      );
      if (!success && said.has(file))
        process.stdout.write(`${indent((said.get(file) as string).slice(-4000))}\n`);
    }
  }
  return totals;
}

/** A parent fails because a test inside it failed, which was counted where it happened. */
function isConsequence(error: unknown): boolean {
  return (error as { failureType?: string } | undefined)?.failureType === 'subtestsFailed';
}

function describe(error: unknown): string {
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause);
}

function where(data: { file?: string; line?: number }): string {
  return data.file === undefined ? '' : `${relative(repository, data.file)}:${data.line ?? 1}`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '          ');
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
