import { Command } from 'commander';
import { loadCatalogue } from '../../catalogue/index.ts';
import { GatehouseError } from '../../config/index.ts';
import { loadEngine, readApprovalClasses, readPolicyData } from '../../policy/index.ts';
import { createAutomations, createLimits, readPeople } from '../../sessions/index.ts';
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
      const faults = await faultsOf(folder);
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

/** Each file is read for itself, so that a fault of one hides no other. */
async function faultsOf(folder: string): Promise<GatehouseError[]> {
  const faults = new Map<string, GatehouseError>();
  const reads: (() => unknown)[] = [
    () => loadCatalogue(folder).read(),
    async () => (await readApprovalClasses(folder)).check(await readPeople(folder)),
    () => readPeople(folder),
    () => createAutomations({ policiesDir: folder }),
    () => createLimits({ policiesDir: folder }),
    () => readPolicyData(folder, new Date()),
    () => loadEngine(folder, {}),
  ];
  for (const read of reads) {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error;
      faults.set(error.message, error);
    }
  }
  return [...faults.values()];
}
