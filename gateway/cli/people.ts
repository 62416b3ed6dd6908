import { userInfo } from 'node:os';
import { Command } from 'commander';
import { createPairing, createPeople } from '../sessions/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

/** `gatehouse people list|pair`: who is known, and the confirmation of a sender's code. */
export function peopleCommand(): Command {
  const command = new Command('people').description('people, and senders that wait to be paired with one');
  command
    .command('list')
    .description('people with their roles and identities, and senders that wait')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const { people, waiting } = await withPool(settings, async (pool) => {
        const all = await createPeople({ pool, policiesDir: settings.policiesDir });
        return { people: all.list(), waiting: await createPairing({ pool, people: all }).list() };
      });
      if (options.json) return printJson({ people, waiting });
      printTable(
        ['PRINCIPAL', 'NAME', 'ROLES', 'GROUPS'],
        people.map((person) => [
          person.principal,
          person.display,
          person.roles.join(','),
          person.groups.join(','),
        ]),
        'Nobody yet. People are in policies/people.yaml.',
      );
      process.stdout.write('\n');
      printTable(
        ['CHANNEL', 'ACCOUNT', 'ID', 'NAME'],
        waiting.map((sender) => [sender.channel, sender.account, sender.nativeId, sender.display]),
        'No sender waits to be paired.',
      );
    });
  command
    .command('pair <code> <principal>')
    .description('confirm the code that a sender got: their identity then belongs to this person')
    .action(async (code: string, principal: string) => {
      const settings = commandSettings({ database: true });
      await withPool(settings, async (pool) => {
        const people = await createPeople({ pool, policiesDir: settings.policiesDir });
        await createPairing({ pool, people }).confirm(code, principal, `cli:${userInfo().username}`);
      });
      process.stdout.write(`Paired with ${principal}.\n`);
    });
  return command;
}
