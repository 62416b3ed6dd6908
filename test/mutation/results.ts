import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import type { Room } from './rooms.ts';

/** Stryker's report, as far as it is read here (mutation-testing-report-schema). */
interface Report {
  files: Record<
    string,
    {
      source: string;
      mutants: {
        id: string;
        mutatorName: string;
        replacement?: string;
        status: string;
        statusReason?: string;
        location: { start: { line: number; column: number }; end: { line: number; column: number } };
      }[];
    }
  >;
}

interface Row {
  file: string;
  noticed: number;
  all: number;
  ignored: number;
  survivors: Survivor[];
}

/** A change that no test noticed. */
interface Survivor {
  line: number;
  code: string;
  becomes: string;
  /** Why nobody could notice it, where that is so. */
  why?: string | undefined;
}

export interface Results {
  score: number;
  rows: Row[];
  /** Files of the room that no run has reached yet. */
  missing: string[];
}

/** Which changes no test can notice, since the code does the same with them. */
type Equivalents = { file: string; code: string; becomes: string; why: string }[];

const share = (noticed: number, all: number): number => (all === 0 ? 100 : (noticed / all) * 100);

/** Reads what a room's runs found so far. @throws when no run has ended */
export async function readResults(path: string, { code }: Room): Promise<Results> {
  const report = JSON.parse(await readFile(path, 'utf8')) as Report;
  const equivalents = parse(
    await readFile(join(import.meta.dirname, 'equivalent.yaml'), 'utf8'),
  ) as Equivalents;
  const rows = Object.entries(report.files).map(([file, { source, mutants }]): Row => {
    const lines = source.split('\n');
    const of = (...statuses: string[]) => mutants.filter(({ status }) => statuses.includes(status));
    const survivors = of('Survived', 'NoCoverage', 'RuntimeError').map(
      ({ location: { start, end }, replacement = '' }) => {
        const code = cut(lines, start, end);
        const becomes = replacement.replace(/\s+/g, ' ');
        const known = equivalents.find(
          (one) => file.endsWith(`/${one.file}`) && one.code === code && one.becomes === becomes,
        );
        return { line: start.line, code, becomes, why: known?.why };
      },
    );
    const noticed = of('Killed', 'Timeout').length;
    return { file, noticed, all: noticed + survivors.length, ignored: of('Ignored').length, survivors };
  });
  const sum = (key: 'noticed' | 'all'): number => rows.reduce((total, row) => total + row[key], 0);
  const missing: string[] = [];
  for await (const file of glob(code))
    if (!(file in report.files)) missing.push(file.split('/').at(-1) ?? file);
  return { score: share(sum('noticed'), sum('all')), rows, missing };
}

function cut(lines: string[], start: { line: number; column: number }, end: typeof start): string {
  const part = lines.slice(start.line - 1, end.line);
  part[part.length - 1] = part.at(-1)?.slice(0, end.column - 1) ?? '';
  part[0] = part[0]?.slice(start.column - 1) ?? '';
  return part.join(' ').replace(/\s+/g, ' ');
}

const page = join(import.meta.dirname, '../../docs/mutation.md');

/** Prints a room's results and puts them into their place in docs/mutation.md. */
export async function writeResults(room: string, { score, rows, missing }: Results): Promise<void> {
  const table = rows.map(
    ({ file, noticed, all, survivors, ignored }) =>
      `| ${file.split('/').at(-1)} | ${share(noticed, all).toFixed(1)} % | ${noticed} of ${all} | ${survivors.filter(({ why }) => why).length} | ${ignored} |`,
  );
  const reasons = rows.flatMap(({ file, survivors }) =>
    survivors.flatMap(({ code, becomes, why }) =>
      why ? [`- ${file.split('/').at(-1)}: ${quoted(code)} as ${quoted(becomes)}: ${why}`] : [],
    ),
  );
  const text = [
    `**${score.toFixed(1)} %**`,
    '',
    '| File | Noticed | Changes | Equivalent | Left out |',
    '| --- | --- | --- | --- | --- |',
    ...table,
    ...(missing.length > 0 ? ['', `Not measured yet: ${missing.join(', ')}.`] : []),
    ...(reasons.length > 0 ? ['', 'Equivalent, so that nobody can notice them:', '', ...reasons] : []),
  ].join('\n');
  const before = await readFile(page, 'utf8');
  const place = new RegExp(`(<!-- ${room} -->\n)[^]*?(\n<!-- /${room} -->)`);
  const after = before.replace(place, (_all, open: string, close: string) => `${open}\n${text}\n${close}`);
  await writeFile(page, await format(after, { ...(await resolveConfig(page)), parser: 'markdown' }));
  for (const { file, survivors } of rows)
    for (const { line, code, becomes, why } of survivors)
      if (!why) process.stdout.write(`${file}:${line}  ${code}\n    unnoticed as  ${becomes}\n`);
  process.stdout.write(
    `\n${table.join('\n')}\n\n${room}: ${score.toFixed(1)} % of the changes are noticed\n`,
  );
}

const quoted = (code: string): string =>
  `\`${code.replaceAll('`', "'").replaceAll('|', '\\|').slice(0, 90)}\``;
