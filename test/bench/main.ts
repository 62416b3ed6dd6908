import { benchPostgres } from './postgres.ts';
import { machine, publish, round, type BenchReport } from './report.ts';

/** What a bench gives; name and machine are added here. */
export type Bench = (
  say: (text: string) => void,
) => Promise<Pick<BenchReport, 'results' | 'bars' | 'tables'>>;

const benches: Record<string, () => Promise<{ bench: Bench }>> = {
  approvals: () => import('./approvals/bench.ts'),
  ingest: () => import('./ingest/bench.ts'),
  decision: () => import('./decision/bench.ts'),
  execute: () => import('./execute/bench.ts'),
  loop: () => import('./loop/bench.ts'),
  n8n: () => import('./n8n/bench.ts'),
  overhead: () => import('./overhead/bench.ts'),
  sandbox: () => import('./sandbox/bench.ts'),
  vault: () => import('./vault/bench.ts'),
};

const json = process.argv.includes('--json');
const name = process.argv.slice(2).find((argument) => !argument.startsWith('-')) ?? '';
const load = benches[name];
if (!load) {
  process.stderr.write(
    `Usage: npm run bench -- NAME [--json]\nBenches: ${Object.keys(benches).join(', ')}\n`,
  );
  process.exit(2);
}
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const stopPostgres = await benchPostgres();
try {
  const { bench } = await load();
  const report: BenchReport = { name, machine: machine(), ...(await bench(say)) };
  await publish(report, new Date().toISOString().slice(0, 10));
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else {
    for (const { what, value, unit } of report.results) say(`  ${what}: ${round(value)} ${unit}`);
    for (const bar of report.bars) {
      say(
        `${bar.ok ? 'met   ' : 'MISSED'} ${bar.name}: ${round(bar.value)} (${bar.bound.is} ${bar.bound.of})`,
      );
    }
  }
  process.exitCode = report.bars.every((bar) => bar.ok) ? 0 : 1;
} finally {
  await stopPostgres();
}
