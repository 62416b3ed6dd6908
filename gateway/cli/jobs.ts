import { userInfo } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { loadCatalogue } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { createAutomations, nextTime } from '../sessions/index.ts';
import {
  listJobs,
  listPauses,
  pauseCalls,
  requeueCall,
  resumeCalls,
  roomOf,
  type Job,
} from '../tools/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

const requeueSeconds = 300;

/** `gatehouse jobs list|accounts|schedules|pause|resume|requeue`: calls that wait for their next try. It needs Postgres and no gateway. */
export function jobsCommand(): Command {
  const command = new Command('jobs').description('calls that wait to be tried again, or were given up');
  command
    .command('list')
    .description('what waits, what was given up in the last week, and what is paused')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const found = await withPool(commandSettings({ database: true }), async (pool) => ({
        jobs: await listJobs(pool),
        pauses: await listPauses(pool),
      }));
      if (options.json) return printJson(found);
      for (const { scope, by, since, reason } of found.pauses)
        process.stdout.write(`Paused: ${scope}, since ${minute(since)} by ${by}: ${reason}\n`);
      printTable(
        ['ATTEMPT', 'TOOL', 'ACCOUNT', 'STATE', 'TRIES', 'FOR', 'NEXT TRY OR END', 'UNTIL'],
        found.jobs.map(rowOf),
        'No call waits, and none was given up.',
      );
    });
  command
    .command('accounts')
    .description('what can be paused: the systems that tools reach, and under which account')
    .action(() => {
      const tools = loadCatalogue(commandSettings({ database: false }).policiesDir).list();
      const accounts = Map.groupBy(tools, (tool) => roomOf(tool)?.account);
      printTable(
        ['ACCOUNT', 'AT ONCE', 'TOOLS'],
        [...accounts].flatMap(([account, [first, ...others]]) =>
          account === undefined || !first
            ? []
            : [
                [
                  account,
                  String(roomOf(first)?.concurrency ?? 'any number'),
                  [first, ...others].map(({ name }) => name).join(', '),
                ],
              ],
        ),
        'No tool reaches a system.',
      );
    });
  command
    .command('schedules')
    .description('calls at set times, and when each is due next')
    .action(async () => {
      const { policiesDir } = commandSettings({ database: false });
      const scheduled = (await createAutomations({ policiesDir })).scheduled();
      const now = new Date();
      printTable(
        ['AUTOMATION', 'TIMES', 'TIME ZONE', 'MISSED', 'TOOL', 'NEXT, UTC'],
        scheduled.map(({ name, cron, timezone, missed, call }) => [
          ...[name, cron, timezone, missed, call.tool],
          minute(nextTime({ cron, timezone }, now)),
        ]),
        'No automation has a schedule.',
      );
    });
  command
    .command('pause')
    .argument('<account>', 'all, or one that `gatehouse jobs accounts` lists')
    .description('let its calls wait; what is under way ends')
    .requiredOption('--reason <text>', 'why; it goes into the receipt')
    .action(async (account: string, { reason }: { reason: string }) => {
      const settings = commandSettings({ database: true });
      known(settings.policiesDir, account);
      await withPool(settings, (pool) => pauseCalls(pool, account, reason, whoTypes()));
      process.stdout.write(`Paused: ${account}. Its calls wait, each for as long as its tool is tried.\n`);
    });
  command
    .command('resume')
    .argument('<account>', 'as it was paused')
    .description('let its calls go on')
    .action(async (account: string) => {
      await withPool(commandSettings({ database: true }), (pool) => resumeCalls(pool, account, whoTypes()));
      process.stdout.write(`No longer paused: ${account}.\n`);
    });
  command
    .command('requeue')
    .argument('<attempt>', 'id of a call that was given up')
    .description('have it tried again, under the approval that it had')
    .option('--seconds <number>', 'for how long', wholeSeconds, requeueSeconds)
    .action(async (attempt: string, { seconds }: { seconds: number }) => {
      await withPool(commandSettings({ database: true }), (pool) =>
        requeueCall(pool, attempt, { seconds, by: whoTypes() }),
      );
      process.stdout.write(`It is tried again; its conversation is told how it ends.\n`);
    });
  return command;
}

const whoTypes = (): string => `cli:${userInfo().username}`;
const minute = (time: Date): string => time.toISOString().slice(0, 16).replace('T', ' ');

function rowOf(job: Job): string[] {
  const { attempt, tool, account, state, tries, waitsFor, nextTryAt, deadlineAt, finishedAt } = job;
  const at = finishedAt ?? nextTryAt;
  return [
    attempt,
    tool,
    account ?? '',
    state === 'planned' ? 'waits' : 'given up',
    String(tries),
    waitsFor,
    at ? minute(at) : '',
    deadlineAt ? minute(deadlineAt) : '',
  ];
}

function wholeSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('Write seconds, from 1 to 86400.');
}

/** A slip of the pen would look like a pause. */
function known(policiesDir: string, account: string): void {
  const accounts = new Set(
    loadCatalogue(policiesDir)
      .list()
      .map((tool) => roomOf(tool)?.account),
  );
  if (account === 'all' || accounts.has(account)) return;
  throw new GatehouseError('GH-CLI-430', `No tool reaches a system as ${account}, so nothing was paused.`, {
    status: 404,
    next: 'npx gatehouse jobs accounts',
  });
}
