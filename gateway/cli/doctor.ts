import { Command } from 'commander';
import { z } from 'zod';
import type { Settings } from '../config/index.ts';
import {
  diagnosisOf,
  examine,
  failure,
  type Diagnosis,
  type Finding,
  type Readiness,
  type State,
} from '../doctor/index.ts';
import { exitCodes, plain, printJson } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

/** `gatehouse doctor`: what is right and wrong with this installation. It needs no running gateway. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'look at settings, rules, people, Postgres, n8n and receipts; exit code 1 where something fails',
    )
    .option('--json', 'print what was found as JSON')
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      if (options.json) printJson(diagnosis);
      else process.stdout.write(report(diagnosis));
      if (!diagnosis.ok) process.exitCode = exitCodes.failed;
    });
}

/** Without usable settings nothing else can be looked at, so that they are the one finding. */
async function diagnose(): Promise<Diagnosis> {
  let settings: Settings;
  let noDatabase: unknown;
  try {
    settings = commandSettings({ database: false });
    noDatabase = whyNoDatabase();
  } catch (error) {
    return diagnosisOf([{ topic: 'Settings', findings: [failure('settings', error)] }]);
  }
  const readiness = (): Promise<Readiness | null> => readinessOf(settings);
  return withPool(settings, (pool) => examine({ settings, pool, noDatabase, readiness }));
}

function whyNoDatabase(): unknown {
  try {
    commandSettings({ database: true });
    return undefined;
  } catch (error) {
    return error;
  }
}

const Readyz = z.object({
  checks: z.record(
    z.string(),
    z.object({ state: z.enum(['ok', 'warn', 'down']), text: z.string().max(5000).optional() }),
  ),
});

/** What the gateway of these settings says at its internal listener, where one listens. */
async function readinessOf({ internalHost, internalPort }: Settings): Promise<Readiness | null> {
  const everywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const named = everywhere[internalHost] ?? internalHost;
  const host = named.includes(':') && !named.startsWith('[') ? `[${named}]` : named;
  try {
    const url = `http://${host}:${internalPort}/readyz`;
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    return Readyz.parse(await response.json()).checks;
  } catch {
    return null;
  }
}

const words: Record<State, string> = { ok: 'ok  ', note: 'note', warn: 'WARN', fail: 'FAIL' };

function report({ topics }: Diagnosis): string {
  const lines = topics.flatMap(({ topic, findings }) => [topic, ...findings.flatMap(lineOf), '']);
  const all = topics.flatMap(({ findings }) => findings);
  const count = (state: State): number => all.filter((finding) => finding.state === state).length;
  lines.push(
    `${count('fail')} fail, ${count('warn')} to look at, ${count('note')} notes, ${count('ok')} ok.`,
  );
  return `${lines.join('\n')}\n`;
}

const lineOf = ({ state, text, next }: Finding): string[] => [
  `  ${words[state]}  ${plain(text)}`,
  ...(next === undefined || state === 'ok' ? [] : [`        ${plain(next)}`]),
];
