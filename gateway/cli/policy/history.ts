import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { allowRollback, listRevisions } from '../../policy/index.ts';
import { moment } from '../cards.ts';
import { printJson, printTable } from '../output.ts';
import { commandSettings, withPool } from '../settings.ts';

/** `gatehouse policy versions|rollback`: what was in force, and leave to go back. */
export function addHistory(command: Command): void {
  command
    .command('versions')
    .description('what was in force, newest first: one line of revisions for each part of the policy')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const revisions = await withPool(commandSettings({ database: true }), listRevisions);
      if (options.json) return printJson(revisions);
      printTable(
        ['REVISION', 'PART', 'SERVED FROM', 'DIGEST', ''],
        revisions.map((one) => [
          String(one.revision),
          one.part,
          moment(one.servedAt.toISOString()),
          one.digest.replace('sha256:', '').slice(0, 12),
          one.newest ? 'newest' : '',
        ]),
        'Nothing was served yet.',
      );
    });
  command
    .command('rollback <part:digest>')
    .description('let an earlier revision be served again, once, within a day; the gateway names it')
    .requiredOption('--reason <text>', 'why; it goes into the receipt')
    .action((named: string, options: { reason: string }) => {
      const { dataDir } = commandSettings({ database: false });
      allowRollback(dataDir, named, { reason: options.reason, by: `cli:${userInfo().username}` });
      process.stdout.write(`Allowed. It is taken, with a receipt, when the gateway starts or reloads.\n`);
    });
}
