import { Option, type Command } from 'commander';
import { GatehouseError } from '../../config/index.ts';
import {
  explainDecision,
  openCandidate,
  shadowReport,
  simulate,
  type Explanation,
} from '../../policy/index.ts';
import { moment } from '../cards.ts';
import { exitCodes, printJson, printTable } from '../output.ts';
import { commandSettings, withPool } from '../settings.ts';

/** `gatehouse policy explain|simulate|shadow`: what was decided and why, and what another policy would make of it. */
export function addInspection(command: Command): void {
  command
    .command('explain <decision>')
    .description('why a decision came out as it did, and which single fact would have changed it')
    .option('--json', 'print as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const rules = await openCandidate(settings.policiesDir, settings.policiesDir);
      const explanation = await withPool(settings, (pool) => explainDecision(pool, rules, id));
      if (options.json) return printJson(explanation);
      tell(explanation);
    });
  command
    .command('simulate <candidate>')
    .description('decide what was decided again by another policies folder or bundle, and list what changes')
    .option('--since <time>', 'how far back: 30m, 12h, 7d, or a date', '7d')
    .addOption(
      new Option('--fail-on <what>', 'exit with 1 where a decision becomes looser, or any changes').choices([
        'looser',
        'any',
      ]),
    )
    .option('--json', 'print as JSON')
    .action(async (path: string, options: { since: string; failOn?: 'looser' | 'any'; json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const since = timeOf(options.since, new Date());
      const candidate = await openCandidate(path, settings.policiesDir);
      const result = await withPool(settings, (pool) => simulate(pool, candidate, since));
      if (options.json) printJson(result);
      else {
        printTable(
          ['TOOL', 'FROM', 'TO', 'COUNT', 'EXAMPLE'],
          result.changes.map((change) => [
            change.tool,
            change.from,
            `${change.to}${change.looser ? ' (looser)' : ''}`,
            String(change.count),
            change.examples[0] ?? '',
          ]),
          'Nothing would change.',
        );
        const left = result.withoutInput;
        process.stdout.write(
          `\n${result.decided} decisions were decided again${left ? `; ${left} have no recorded input` : ''}.\n`,
        );
      }
      const { failOn } = options;
      const failing = result.changes.filter((change) => failOn === 'any' || (failOn && change.looser));
      if (failing.length > 0) process.exitCode = exitCodes.failed;
    });
  command
    .command('shadow')
    .description('what the candidate of GATEHOUSE_SHADOW_POLICIES_DIR decides otherwise')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const report = await withPool(commandSettings({ database: true }), (pool) => shadowReport(pool));
      if (options.json) return printJson(report);
      for (const { candidate, compared, dropped, latest } of report.candidates) {
        process.stdout.write(
          `${candidate.slice(0, 19)}: ${compared} decisions compared, ${dropped} left out, latest ${moment(latest.toISOString())}\n`,
        );
      }
      printTable(
        ['CANDIDATE', 'TOOL', 'IN FORCE', 'CANDIDATE SAYS', 'COUNT', 'EXAMPLE'],
        report.differences.map((one) => [
          one.candidate.slice(7, 19),
          one.tool,
          one.live,
          one.shadow,
          String(one.count),
          one.examples[0] ?? '',
        ]),
        report.candidates.length > 0
          ? 'It decides everything in the same way.'
          : 'No candidate has decided yet. Name one with GATEHOUSE_SHADOW_POLICIES_DIR and start the gateway.',
      );
    });
}

function tell(explanation: Explanation): void {
  const { id, tool, effect, decidedAt, principal, reasons, input, now, flips, tried } = explanation;
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  say(`${tool}: ${effect}\n${id}, for ${principal ?? 'nobody known'} at ${decidedAt}\n`);
  printTable(
    ['REASON', ''],
    reasons.map(({ code, text }) => [code, text]),
    'No reason is recorded.',
  );
  say('');
  printTable(
    ['THE RULES SAW', ''],
    input.map(({ fact, value }) => [fact, value]),
    'What the rules saw is not recorded, or not any more.',
  );
  if (!now) return;
  say('');
  if (now.effect !== effect)
    say(`The rules in force now say ${now.effect}: ${now.reasons.join(', ')}. What follows is about them.\n`);
  printTable(
    ['FACT', 'IS', 'IF IT WERE', 'THEN'],
    flips.map((flip) => [flip.fact, flip.from, flip.to, `${flip.effect}: ${flip.reasons.join(', ')}`]),
    'No single fact would change it.',
  );
  say(`\n${tried} single facts were tried.`);
}

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function timeOf(text: string, now: Date): Date {
  const [, number, unit] = /^([1-9][0-9]{0,4})([mhd])$/.exec(text) ?? [];
  if (number && unit) return new Date(now.getTime() - Number(number) * units[unit as keyof typeof units]);
  const date = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new GatehouseError('GH-CLI-030', `${text} is no time.`, {
    next: 'Write --since 12h, --since 7d or --since 2026-11-01.',
  });
}
