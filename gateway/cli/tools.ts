import { Command } from 'commander';
import { loadCatalogue } from '../catalogue/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings } from './settings.ts';

/** `gatehouse tools list`: the catalogue. */
export function toolsCommand(): Command {
  const command = new Command('tools').description('the tool catalogue of policies/tools');
  command
    .command('list')
    .description('every tool with its risk class')
    .option('--json', 'print as JSON')
    .action((options: { json?: boolean }) => {
      const catalogue = loadCatalogue(commandSettings({ database: false }).policiesDir);
      const tools = catalogue.list();
      if (options.json) return printJson(tools);
      printTable(
        ['NAME', 'RISK', 'TITLE'],
        tools.map(({ name, risk, title }) => [name, risk, title]),
        'No tools yet. A tool is one YAML file in policies/tools.',
      );
    });
  return command;
}
