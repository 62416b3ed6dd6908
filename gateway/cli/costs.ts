import { Command, InvalidArgumentError, Option } from 'commander';
import {
  costGroups,
  countWays,
  createModels,
  inWords,
  sumCosts,
  type CostGroup,
  type Ways,
} from '../agent/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

const mostDays = 8;

/** `gatehouse costs`: what language models used. It needs Postgres and no gateway. */
export function costsCommand(): Command {
  return new Command('costs')
    .description(
      'what language models used and caches saved, by day, person, task or model, and how many requests needed none',
    )
    .addOption(new Option('--by <group>', 'what it is summed up by').choices(costGroups).default('day'))
    .option('--days <days>', `how many days back, at most ${mostDays}`, daysOf, mostDays)
    .option('--json', 'print as JSON; costs are in millionths of the currency')
    .action(async ({ by, days, json }: { by: CostGroup; days: number; json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const { currency = 'EUR' } = (await createModels(settings)).file() ?? {};
      const [costs, requests] = await withPool(settings, (pool) =>
        Promise.all([sumCosts(pool, by, days), countWays(pool, days)]),
      );
      if (json) return printJson({ by, days, currency, costs, requests });
      printTable(
        [by.toUpperCase(), 'ANSWERS', 'TOKENS IN', 'TOKENS OUT', 'COST', 'CACHED', 'TOKENS SAVED', 'SAVED'],
        costs.map(({ group, answers, tokensIn, tokensOut, cost, cached, savedTokens, savedCost }) => [
          ...[group, String(answers), String(tokensIn), String(tokensOut), inWords(cost, currency)],
          ...[String(cached), String(savedTokens), inWords(savedCost, currency)],
        ]),
        'No language model was asked.',
      );
      process.stdout.write(`${waysInWords(requests)}\n`);
    });
}

/** `9 of 12 requests needed no model (75 %): 6 commands, 1 buttons, 0 cached answers, 2 steps of workflows alone.` */
function waysInWords({ model, command, action, cached, workflow }: Ways): string {
  const without = command + action + cached + workflow;
  const all = without + model;
  const share = all === 0 ? '' : ` (${Math.round((100 * without) / all)} %)`;
  return `${without} of ${all} requests needed no model${share}: ${command} commands, ${action} buttons, ${cached} cached answers, ${workflow} by steps of workflows alone.`;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= mostDays) return days;
  throw new InvalidArgumentError(`a whole number from 1 to ${mostDays}`);
}
