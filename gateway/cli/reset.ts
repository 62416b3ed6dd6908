import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { GatehouseError } from '../config/index.ts';
import { printJson } from './output.ts';
import { defaultDir, removeStack } from './up/index.ts';

/** `gatehouse reset`: removes what `gatehouse up` has written. */
export function resetCommand(): Command {
  return new Command('reset')
    .description(
      'remove the databases, keys, secrets and logs of gatehouse up, so that the next start is a first one',
    )
    .option('--dir <folder>', 'where they lie', defaultDir())
    .option('--yes', 'do not ask')
    .option('--json', 'print the removed folders as JSON')
    .action(async (options: { dir: string; yes?: boolean; json?: boolean }) => {
      if (!options.yes) await confirm(options.dir);
      const removed = await removeStack(options.dir);
      if (options.json) printJson({ removed });
      else if (removed.length === 0) process.stdout.write(`Nothing to remove: ${options.dir} is empty.\n`);
      else process.stdout.write(removed.map((folder) => `Removed ${folder}\n`).join(''));
    });
}

async function confirm(dir: string): Promise<void> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = process.stdin.isTTY ? await asking.question(`Remove everything in ${dir}? Type yes: `) : '';
  asking.close();
  if (answer.trim() !== 'yes') {
    throw new GatehouseError('GH-CLI-002', 'Nothing was removed.', {
      next: 'To remove without being asked: npm run reset -- --yes',
    });
  }
}
