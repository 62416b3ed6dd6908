import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { GatehouseError } from '../config/index.ts';
import { createSecretStore } from '../vault/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings } from './settings.ts';

/** `gatehouse secret set|list`: the encrypted store. Values come from stdin, so that no process list shows them. */
export function secretCommand(): Command {
  const command = new Command('secret').description('secrets of channels and tools');
  command
    .command('set <name>')
    .description('store a secret, read from stdin; for example: gatehouse secret set slack/bot-token')
    .action(async (name: string) => {
      const value = process.stdin.isTTY
        ? await askHidden(`${name}: `)
        : (await text(process.stdin)).replace(/\r?\n$/, '');
      if (value === '') {
        throw new GatehouseError('GH-CLI-003', 'An empty secret was not stored.', {
          next: 'Give the value on stdin.',
        });
      }
      await openStore().set(name, value);
      process.stdout.write(`Stored ${name}. A running gateway uses it at its next start.\n`);
    });
  command
    .command('list')
    .description('names, versions and times; never values')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const secrets = await openStore().list();
      if (options.json) return printJson(secrets);
      printTable(
        ['NAME', 'VERSION', 'UPDATED'],
        secrets.map(({ name, version, updatedAt }) => [
          name,
          String(version),
          new Date(updatedAt).toISOString(),
        ]),
        'No secrets yet. Store one with: gatehouse secret set NAME',
      );
    });
  return command;
}

function openStore(): ReturnType<typeof createSecretStore> {
  const { dataDir, keyFile } = commandSettings({ database: false });
  return createSecretStore({ dataDir, keyFile });
}

function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const { stdin } = process;
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let value = '';
    const finish = (): void => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off('data', take);
      process.stderr.write('\n');
    };
    const take = (typed: string): void => {
      for (const key of typed) {
        if (key === '\r' || key === '\n') {
          finish();
          return resolve(value);
        }
        if (key === '\u0003') {
          finish();
          return reject(new GatehouseError('GH-CLI-003', 'Nothing was stored.', { next: 'Start again.' }));
        }
        value = key === '\u007f' ? value.slice(0, -1) : value + key;
      }
    };
    stdin.on('data', take);
  });
}
