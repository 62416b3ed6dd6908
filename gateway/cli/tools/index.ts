import { Command } from 'commander';
import { docsCommand } from './docs.ts';
import { lintCommand } from './lint.ts';
import { listCommand } from './list.ts';

/** `gatehouse tools list|lint|docs`: the catalogue. */
export function toolsCommand(): Command {
  const command = new Command('tools').description('the tool catalogue of policies/tools');
  for (const child of [listCommand(), lintCommand(), docsCommand()]) command.addCommand(child);
  return command;
}
