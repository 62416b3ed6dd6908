import { Command, InvalidArgumentError } from 'commander';
import { openCards, standingOf, type OpenCards, type OpenWish } from '../approvals/index.ts';
import { loadCatalogue } from '../catalogue/index.ts';
import type { Settings } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import { createPolicy, openEpoch } from '../policy/index.ts';
import { createPeople } from '../sessions/index.ts';
import { find, linesOf, moment, progress } from './cards.ts';
import { decide } from './decide.ts';
import { plain, printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

/** As many rows as one looks through. */
const usualRows = 100;
/** More than Postgres would ever be asked to hold open. */
const everything = 1_000_000;

/**
 * `gatehouse approvals list|show|standing|approve|reject`. Whoever has a terminal here has not proven to be anybody, so
 * it shows everything; a vote is given through the gateway, as the person whom `gatehouse login` signed in.
 */
export function approvalsCommand(): Command {
  const command = new Command('approvals').description(
    'requests that wait for people, and what they allowed',
  );
  command
    .command('list')
    .description('requests that wait for a decision, soonest deadline first')
    .option('--limit <number>', `the most to print; ${usualRows} without --json`, count)
    .option('--json', 'print as JSON, all of them')
    .action(async (options: { json?: boolean; limit?: number }) => {
      const { cards, total } = await open({
        limit: options.limit ?? (options.json ? everything : usualRows),
      });
      if (options.json) printJson(cards);
      else {
        printTable(
          ['REQUEST', 'UNTIL', 'APPROVED', 'WHAT'],
          cards.map((card) => [card.id, moment(card.deadline), progress(card), card.sentence]),
          'No request waits for a decision.',
        );
      }
      if (cards.length === total) return;
      process.stderr.write(
        `These are ${cards.length} of ${total} requests, those with the soonest deadlines.\nnpx gatehouse approvals list --limit ${total}\n`,
      );
    });
  command
    .command('show <request>')
    .description('one request as its approvers see it; the beginning of its id is enough')
    .option('--json', 'print as JSON')
    .action(async (request: string, options: { json?: boolean }) => {
      const card = find((await open({ begins: request })).cards, request);
      if (options.json) return printJson(card);
      process.stdout.write(`${linesOf(card).map(plain).join('\n')}\n`);
    });
  command
    .command('standing')
    .description('calls that approvers allowed beforehand, and what is left of it')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const grants = await withPool(settings, (pool) => standing(pool, settings));
      if (options.json) return printJson(grants);
      printTable(
        ['LEFT', 'UNTIL', 'TOOL', 'WHERE', 'BY', 'FOR'],
        grants.map((grant) => [
          grant.left,
          moment(grant.expiresAt),
          grant.tool,
          grant.destinations.map(({ value }) => value).join(' '),
          grant.grantedBy.join(' and '),
          grant.user,
        ]),
        'Nothing is allowed beforehand.',
      );
    });
  for (const verdict of ['approve', 'reject'] as const) {
    command
      .command(`${verdict} <request>`)
      .description(`${verdict} a request as the person who is signed in here; see gatehouse login`)
      .option('--comment <text>', verdict === 'reject' ? 'why; needed' : 'a word to the requester')
      .option('--yes', 'do not ask again, for scripts')
      .action(async (request: string, options: { comment?: string; yes?: boolean }) => {
        await decide(verdict, request, options);
      });
  }
  return command;
}

async function open(wanted: OpenWish): Promise<OpenCards> {
  const settings = commandSettings({ database: true });
  return withPool(settings, async (pool) => openCards({ pool, ...(await readers(pool, settings)) }, wanted));
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= everything) return value;
  throw new InvalidArgumentError('Give a whole number from 1 on.');
}

async function readers(
  pool: Pool,
  { policiesDir }: Settings,
): Promise<{
  people: Awaited<ReturnType<typeof createPeople>>;
  catalogue: ReturnType<typeof loadCatalogue>;
}> {
  return { people: await createPeople({ pool, policiesDir }), catalogue: loadCatalogue(policiesDir) };
}

async function standing(pool: Pool, settings: Settings): ReturnType<typeof standingOf> {
  const { policiesDir, dataDir } = settings;
  const { people, catalogue } = await readers(pool, settings);
  const epoch = openEpoch(dataDir);
  const clock = (): Date => new Date();
  const policy = await createPolicy({ pool, policiesDir, catalogue, clock, epoch, settings });
  return standingOf({ policy, people, catalogue });
}
