import { Command, InvalidArgumentError, Option } from 'commander';
import { costGroups, createModels, inWords, sumCosts, type CostGroup } from '../agent/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

const mostDays = 8;

/** `gatehouse costs`: what language models used. It needs Postgres and no gateway. */
export function costsCommand(): Command {
  return new Command('costs')
    .description('what language models used, by day, person, task or model')
    .addOption(new Option('--by <group>', 'what it is summed up by').choices(costGroups).default('day'))
    .option('--days <days>', `how many days back, at most ${mostDays}`, daysOf, mostDays)
    .option('--json', 'print as JSON; costs are in millionths of the currency')
    .action(async ({ by, days, json }: { by: CostGroup; days: number; json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const { currency = 'EUR' } = (await createModels(settings)).file() ?? {};
      const costs = await withPool(settings, (pool) => sumCosts(pool, by, days));
      if (json) return printJson({ by, days, currency, costs });
      printTable(
        [by.toUpperCase(), 'ANSWERS', 'TOKENS IN', 'TOKENS OUT', 'COST'],
        costs.map(({ group, answers, tokensIn, tokensOut, cost }) => [
          ...[group, String(answers), String(tokensIn), String(tokensOut), inWords(cost, currency)],
        ]),
        'No language model was asked.',
      );
    });
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= mostDays) return days;
  throw new InvalidArgumentError(`a whole number from 1 to ${mostDays}`);
}
