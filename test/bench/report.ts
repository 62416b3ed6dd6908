import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

/** What a bench promises: a measured value against its bound. */
export interface Bar {
  name: string;
  value: number;
  bound: { is: 'at most' | 'at least'; of: number };
  ok: boolean;
}

/** More numbers than a list can hold; null where there is nothing to measure. */
export interface Table {
  title: string;
  columns: string[];
  rows: (string | number | null)[][];
}

/** What one bench found. `results` are the medians behind the bars. */
export interface BenchReport {
  name: string;
  machine: string;
  results: { what: string; value: number; unit: string }[];
  bars: Bar[];
  tables?: Table[];
}

/** A bar whose value must not be above `of`. */
export function atMost(name: string, value: number, of: number): Bar {
  return { name, value, bound: { is: 'at most', of }, ok: value <= of };
}

/** A bar whose value must not be below `of`. */
export function atLeast(name: string, value: number, of: number): Bar {
  return { name, value, bound: { is: 'at least', of }, ok: value >= of };
}

/** Where it ran, so that numbers are never read without it. */
export function machine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${memory} GiB, Node ${process.versions.node}`;
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Round by round, one measured value over the other. */
export const ratios = (over: readonly number[], under: readonly number[]): number[] =>
  over.map((value, index) => value / (under[index] ?? NaN));

/** The report as the section of `docs/benchmarks.md`. */
export function markdown(report: BenchReport, day: string): string {
  const bars = report.bars.map(
    (bar) =>
      `| ${bar.name} | ${round(bar.value)} | ${bar.bound.is} ${bar.bound.of} | ${bar.ok ? 'met' : 'MISSED'} |`,
  );
  const results = report.results.map(({ what, value, unit }) => `| ${what} | ${round(value)} ${unit} |`);
  return [
    `## ${report.name}`,
    '',
    `${day}, ${report.machine}`,
    '',
    '| bar | measured | bound | |',
    '|---|---|---|---|',
    ...bars,
    '',
    '| median of the rounds | |',
    '|---|---|',
    ...results,
    '',
    ...(report.tables ?? []).flatMap((table) => [...asMarkdown(table), '']),
  ].join('\n');
}

function asMarkdown({ title, columns, rows }: Table): string[] {
  const cell = (value: string | number | null): string =>
    typeof value === 'number' ? round(value) : (value ?? '–');
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(row.map(cell))),
  ];
}

const file = join(import.meta.dirname, '../../docs/benchmarks.md');

/** Puts the report in its place between the markers of `docs/benchmarks.md`; text around the markers stays. */
export async function publish(report: BenchReport, day: string): Promise<void> {
  const content = await readFile(file, 'utf8');
  const from = `<!-- bench ${report.name} -->`;
  const to = `<!-- end ${report.name} -->`;
  const start = content.indexOf(from);
  const end = content.indexOf(to);
  if (start < 0 || end < start) throw new Error(`docs/benchmarks.md has no markers for ${report.name}`);
  const text = `${content.slice(0, start)}${from}\n${markdown(report, day)}${content.slice(end)}`;
  await writeFile(file, await format(text, { ...(await resolveConfig(file)), parser: 'markdown' }));
}

/** Three significant digits, or whole numbers from 100 on. */
export function round(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
