import { userInfo } from 'node:os';
import { Command } from 'commander';
import { GatehouseError } from '../config/index.ts';
import { resetFactors } from '../factors/index.ts';
import { createPairing, createPeople, createSignIn } from '../sessions/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

/**
 * `gatehouse people list|pair|link|reset-factors`: who is known, the confirmation of a sender's code, a way to sign in,
 * and the way back for somebody who lost their second factors.
 */
export function peopleCommand(): Command {
  const command = new Command('people').description('people, and senders that wait to be paired with one');
  command
    .command('list')
    .description('people with their roles and groups, and senders that wait')
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
        ['CHANNEL', 'ACCOUNT', 'ID', 'NAME', 'WAITS FOR'],
        waiting.map((sender) => [
          sender.channel,
          sender.account,
          sender.nativeId,
          sender.display,
          sender.principal === null ? 'the code' : `the word of ${sender.principal}`,
        ]),
        'No sender waits to be paired.',
      );
    });
  command
    .command('pair <code> <principal>')
    .description(
      'confirm the code that a sender got: their identity then belongs to this person, who has to agree where they have one already',
    )
    .action(async (code: string, principal: string) => {
      const settings = commandSettings({ database: true });
      const { linked } = await withPool(settings, async (pool) => {
        const people = await createPeople({ pool, policiesDir: settings.policiesDir });
        return createPairing({ pool, people }).confirm(code, principal, operator());
      });
      process.stdout.write(
        linked
          ? `Paired with ${principal}.\n`
          : `${principal} has an account already and is asked there; it is paired once they agree, within a day.\n`,
      );
    });
  command
    .command('link <principal>')
    .description('print a sign-in link that works once, within the hour')
    .option('--enrol', 'invite them to add their first second factor, which then decides at once')
    .action(async (principal: string, options: { enrol?: boolean }) => {
      const settings = commandSettings({ database: true });
      const token = await withPool(settings, async (pool) => {
        const people = await createPeople({ pool, policiesDir: settings.policiesDir });
        if (!people.get(principal)) {
          throw new GatehouseError('GH-CLI-404', `There is no ${principal} in policies/people.yaml.`, {
            status: 404,
            next: 'npx gatehouse people list',
          });
        }
        return createSignIn({ pool }).issueLogin(
          principal,
          3600,
          options.enrol ? { invitedBy: operator() } : {},
        );
      });
      process.stdout.write(`${settings.publicUrl}/login?token=${token}\n`);
    });
  command
    .command('reset-factors <principal>')
    .description('take all second factors of a person away; what they add afterwards decides after 24 hours')
    .action(async (principal: string) => {
      const settings = commandSettings({ database: true });
      const count = await withPool(settings, (pool) => resetFactors(pool, principal, operator()));
      process.stdout.write(
        `${count} taken away. ${principal} is told on every account, and adds a new one on ${settings.publicUrl}/account/security after a fresh sign-in.\n`,
      );
    });
  return command;
}

const operator = (): string => `cli:${userInfo().username}`;
