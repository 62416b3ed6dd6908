import { userInfo } from 'node:os';
import { Command, Option } from 'commander';
import { loadCatalogue } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { listKillSwitches, setKillSwitch, type KillTarget } from '../policy/index.ts';
import { createPeople } from '../sessions/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

type Target = Partial<Record<'tool' | 'channel' | 'person' | 'session', string>>;
type Settings = ReturnType<typeof commandSettings>;

/** `gatehouse kill-switch on|off|list`: stops tool calls at once. It needs Postgres and no gateway. */
export function killSwitchCommand(): Command {
  const command = new Command('kill-switch').description(
    'stop tool calls at once: all of them, or of one target',
  );
  const turn = (name: 'on' | 'off', description: string): void => {
    const other = {
      tool: ['channel', 'person', 'session'],
      channel: ['person', 'session'],
      person: ['session'],
    };
    command
      .command(name)
      .description(description)
      .requiredOption('--reason <text>', 'why; it goes into the receipt')
      .addOption(new Option('--tool <name>', 'only the calls of this tool').conflicts(other.tool))
      .addOption(
        new Option('--channel <kind>', 'only what is asked over it: web, slack, …').conflicts(other.channel),
      )
      .addOption(new Option('--person <principal>', 'only what this person asks for').conflicts(other.person))
      .option('--session <key>', 'only the calls of one conversation; /policy shows its key with a decision')
      .action(async (options: Target & { reason: string }) => {
        const settings = commandSettings({ database: true });
        const target = targetOf(options);
        await withPool(settings, async (pool) => {
          if (name === 'on' && options.person !== undefined) await known(settings, pool, options.person);
          await setKillSwitch(pool, loadCatalogue(settings.policiesDir), {
            engaged: name === 'on',
            target,
            reason: options.reason,
            by: `cli:${userInfo().username}`,
          });
        });
        process.stdout.write(name === 'on' ? `Stopped: ${target}.\n` : `No longer stopped: ${target}.\n`);
      });
  };
  turn('on', 'stop; once this returns, no call that it stops starts');
  turn('off', 'let the calls of this target run again');
  command
    .command('list')
    .description('the switches that are on')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const switches = await withPool(commandSettings({ database: true }), listKillSwitches);
      if (options.json) return printJson(switches);
      printTable(
        ['TARGET', 'SINCE', 'BY', 'REASON'],
        switches.map(({ target, since, by, reason }) => [target, since.slice(0, 16), by, reason]),
        'No kill switch is on.',
      );
    });
  return command;
}

function targetOf({ tool, channel, person, session }: Target): KillTarget {
  if (tool !== undefined) return `tool:${tool}`;
  if (channel !== undefined) return `channel:${channel}`;
  if (person !== undefined) return `person:${person}`;
  return session === undefined ? 'all' : `session:${session}`;
}

/** A slip of the pen would look like a person who is stopped. */
async function known(
  { policiesDir }: Settings,
  pool: Parameters<typeof createPeople>[0]['pool'],
  principal: string,
): Promise<void> {
  const people = await createPeople({ pool, policiesDir });
  if (people.get(principal) || principal.startsWith('automation:')) return;
  throw new GatehouseError('GH-CLI-404', `There is no ${principal} in policies/people.yaml.`, {
    status: 404,
    next: 'npx gatehouse people list',
  });
}
