import { Command } from 'commander';
import { openCards, standingOf, type Card } from '../approvals/index.ts';
import { loadCatalogue } from '../catalogue/index.ts';
import { GatehouseError, type Settings } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import { createPolicy, openEpoch } from '../policy/index.ts';
import { createPeople } from '../sessions/index.ts';
import { plain, printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

/**
 * `gatehouse approvals list|show|standing|approve|reject`. Whoever has a terminal here has not proven to be anybody, so
 * it shows everything and decides nothing: a vote is given signed in.
 */
export function approvalsCommand(): Command {
  const command = new Command('approvals').description(
    'requests that wait for people, and what they allowed',
  );
  command
    .command('list')
    .description('requests that wait for a decision, soonest deadline first')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const cards = await open();
      if (options.json) return printJson(cards);
      printTable(
        ['REQUEST', 'UNTIL', 'APPROVED', 'WHAT'],
        cards.map((card) => [card.id, moment(card.deadline), progress(card), card.sentence]),
        'No request waits for a decision.',
      );
    });
  command
    .command('show <request>')
    .description('one request as its approvers see it; the beginning of its id is enough')
    .option('--json', 'print as JSON')
    .action(async (request: string, options: { json?: boolean }) => {
      const card = find(await open(), request);
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
      .description(`where to ${verdict} a request, signed in as yourself`)
      .action(async (request: string) => {
        const card = find(await open(), request);
        const { publicUrl } = commandSettings({ database: true });
        process.stdout.write(
          `${plain(card.sentence)}.\nA terminal does not prove who you are. Decide it signed in:\n${publicUrl}/approvals/${card.id}\n`,
        );
      });
  }
  return command;
}

async function open(): Promise<Card[]> {
  const settings = commandSettings({ database: true });
  return withPool(settings, async (pool) => openCards({ pool, ...(await readers(pool, settings)) }));
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

function find(cards: readonly Card[], request: string): Card {
  const found = cards.filter((card) => card.id.startsWith(request));
  if (found.length === 1 && found[0]) return found[0];
  throw new GatehouseError(
    'GH-CLI-405',
    found.length === 0
      ? `No open request begins with ${plain(request)}.`
      : `${found.length} open requests begin with ${plain(request)}.`,
    { status: 404, next: 'npx gatehouse approvals list' },
  );
}

function linesOf(card: Card): string[] {
  return [
    `${card.sentence}.`,
    ...card.reasons.map((reason) => `  Why: ${reason.text} (${reason.code})`),
    ...(card.edited ? [`  Changed by ${card.edited.by}.`] : []),
    ...card.facts.map(({ label, value }) => `  ${label}: ${value}`),
    ...card.provenance.map(({ label, source }) => `  ${label}: ${source}`),
    ...(card.quoted === null
      ? []
      : ['  Text, not verified:', ...card.quoted.split('\n').map((line) => `    ${line}`)]),
    ...card.questions.map(
      ({ by, question, answer }) => `  ${by} asked: ${question} ${answer ?? '(no answer yet)'}`,
    ),
    `  ${progress(card)} approved, until ${moment(card.deadline)}. May decide: ${card.approvers.map((person) => person.display).join(', ')}.`,
  ];
}

const progress = (card: Card): string =>
  `${card.votes.filter((vote) => vote.verdict === 'approve').length} of ${card.quorum}`;

const moment = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;
