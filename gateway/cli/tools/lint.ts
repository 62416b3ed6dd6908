import { Command } from 'commander';
import { checkCatalogue, faultLine } from '../../catalogue/index.ts';
import { reservedFolders } from '../../config/index.ts';
import { exitCodes, printJson } from '../output.ts';
import { commandSettings } from '../settings.ts';

/** `gatehouse tools lint`: everything that is wrong with the catalogue, at once. */
export function lintCommand(): Command {
  return new Command('lint')
    .description('check every tool file; exit code 1 where one has a fault')
    .option('--json', 'print the faults as JSON')
    .action((options: { json?: boolean }) => {
      const settings = commandSettings({ database: false });
      const { tools, faults } = checkCatalogue(settings.policiesDir, reservedFolders(settings));
      if (options.json) printJson({ ok: faults.length === 0, tools: [...tools.keys()], faults });
      else {
        for (const fault of faults) process.stdout.write(`${faultLine(fault)}\n`);
        const files = new Set(faults.map(({ file }) => file)).size;
        process.stdout.write(
          faults.length === 0
            ? `${tools.size} tools, no faults.\n`
            : `${faults.length} faults in ${files} files; ${tools.size} tools are good.\n`,
        );
      }
      if (faults.length > 0) process.exitCode = exitCodes.failed;
    });
}
