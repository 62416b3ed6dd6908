import { Command } from 'commander';
import { readPolicyFiles } from '../../doctor/index.ts';
import { exitCodes, printJson } from '../output.ts';
import { folderHelp, policiesFolder } from './folder.ts';

/** `gatehouse policy check`: what the gateway would refuse of a folder, before it is asked to use it. */
export function policyCheckCommand(): Command {
  return new Command('check')
    .description('read all policy files as the gateway does, and name what it would refuse')
    .argument('[folder]', folderHelp)
    .option('--json', 'print the faults as JSON')
    .action(async (named: string | undefined, options: { json?: boolean }) => {
      const folder = policiesFolder(named);
      const { faults } = await readPolicyFiles(folder, new Date());
      if (faults.length > 0) process.exitCode = exitCodes.failed;
      if (options.json)
        return printJson({
          ok: faults.length === 0,
          faults: faults.map(({ code, message }) => ({ code, message })),
        });
      for (const { message, next, code } of faults)
        process.stdout.write(`${message}\n${next ? `${next}\n` : ''}(${code})\n\n`);
      if (faults.length === 0) process.stdout.write(`The gateway can use ${folder}.\n`);
    });
}
