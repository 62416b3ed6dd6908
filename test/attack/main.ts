import { join } from 'node:path';
import { machine, publish, round, type BenchReport } from '../bench/report.ts';

/** What an attack gives; name and machine are added here. */
type Attack = (options: {
  corpus: string;
  say: (text: string) => void;
  seed?: number;
}) => Promise<Pick<BenchReport, 'results' | 'bars' | 'tables'>>;

const attacks: Record<string, () => Promise<Attack>> = {
  agent: async () => (await import('./agent/attack.ts')).attackAgent,
  provenance: async () => (await import('./provenance/attack.ts')).attackProvenance,
};

const words = process.argv.slice(2);
const json = words.includes('--json');
const name = words.find((word) => !word.startsWith('-')) ?? '';
const optionOf = (option: string): string | undefined =>
  words.find((word) => word.startsWith(`--${option}=`))?.slice(option.length + 3);
const other = optionOf('corpus');
const seed = optionOf('seed');
const load = attacks[name];
if (!load) {
  process.stderr.write(
    `Usage: npm run attack -- NAME [--json] [--corpus=FOLDER] [--seed=NUMBER]\nAttacks: ${Object.keys(attacks).join(', ')}\n`,
  );
  process.exit(2);
}
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const attack = await load();
const corpus = other ?? join(import.meta.dirname, name, 'corpus');
const report: BenchReport = {
  name,
  machine: machine(),
  ...(await attack({ corpus, say, ...(seed !== undefined && { seed: Number(seed) }) })),
};
// Only what ships is written down; another corpus or seed is somebody's own measurement.
if (other === undefined && seed === undefined) await publish(report, new Date().toISOString().slice(0, 10));
if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else {
  for (const { what, value, unit } of report.results) say(`  ${what}: ${round(value)} ${unit}`);
  for (const bar of report.bars)
    say(`${bar.ok ? 'met   ' : 'MISSED'} ${bar.name}: ${round(bar.value)} (${bar.bound.is} ${bar.bound.of})`);
}
process.exitCode = report.bars.every((bar) => bar.ok) ? 0 : 1;
