import { Command } from 'commander';
import { GatehouseError } from '../config/index.ts';
import { prepareDemo } from '../tools/index.ts';
import { createSecretStore } from '../vault/index.ts';
import { commandSettings } from './settings.ts';

/** `gatehouse demo`: the demo's systems of record beside a gateway of one's own; `gatehouse up` makes them by itself. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('make the ledger and the customers that the demo tools of policies/tools work on')
    .option(
      '--admin-url <url>',
      'a Postgres role that may create databases and roles; better in the environment as POSTGRES_ADMIN_URL',
    )
    .action(async (options: { adminUrl?: string }) => {
      const adminUrl = options.adminUrl ?? process.env.POSTGRES_ADMIN_URL;
      if (!adminUrl) {
        throw new GatehouseError('GH-CLI-024', 'There is no Postgres to make the demo in.', {
          next: 'Set POSTGRES_ADMIN_URL to a role that may create databases and roles.',
        });
      }
      const store = createSecretStore(commandSettings({ database: false }));
      await prepareDemo({ adminUrl, store }).catch((cause: unknown) => {
        // A refused connection to a name with several addresses has a code and no message.
        const { message, code } = cause as { message?: string; code?: string };
        const said = message || code || 'for no known reason';
        throw new GatehouseError('GH-CLI-025', `The demo could not be made: ${said}.`, {
          status: 500,
          next: 'Check the address, and that its role may create databases and roles.',
          cause,
        });
      });
      process.stdout.write(
        'The ledger and the customers are in the database gatehouse_demo; its password is the secret demo/postgres.\n',
      );
    });
}
