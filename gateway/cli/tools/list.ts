import { Command } from 'commander';
import { loadCatalogue } from '../../catalogue/index.ts';
import { printJson, printTable } from '../output.ts';
import { commandSettings } from '../settings.ts';

/** `gatehouse tools list`: the catalogue. */
export function listCommand(): Command {
  return new Command('list')
    .description('every tool with its risk class')
    .option('--json', 'print as JSON')
    .action((options: { json?: boolean }) => {
      const tools = loadCatalogue(commandSettings({ database: false }).policiesDir).list();
      if (options.json) return printJson(tools);
      printTable(
        ['NAME', 'RISK', 'TITLE'],
        tools.map(({ name, risk, title }) => [name, risk, title]),
        'No tools yet. A tool is one YAML file in policies/tools.',
      );
    });
}
