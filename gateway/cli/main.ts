import { Command, CommanderError } from 'commander';
import { auditCommand } from './audit.ts';
import { configCommand } from './config.ts';
import { gatewayCommand } from './gateway.ts';
import { exitCodes, printError } from './output.ts';
import { peopleCommand } from './people.ts';
import { policyCommand } from './policy.ts';
import { resetCommand } from './reset.ts';
import { runnerCommand } from './runner.ts';
import { secretCommand } from './secret.ts';
import { toolsCommand } from './tools.ts';
import { upCommand } from './up.ts';
import { workflowsCommand } from './workflows.ts';

const program = new Command('gatehouse')
  .description('A governed agent stack for n8n: envelopes, decisions, approvals, receipts.')
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 something else is in the way.');

for (const command of [
  upCommand(),
  gatewayCommand(),
  workflowsCommand(),
  secretCommand(),
  peopleCommand(),
  toolsCommand(),
  policyCommand(),
  auditCommand(),
  runnerCommand(),
  configCommand(),
  resetCommand(),
]) {
  program.addCommand(command);
}
strict(program);

// A reader that has seen enough, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await program.parseAsync();
} catch (error) {
  // Commander has already said what is wrong; help and version count as done.
  process.exitCode =
    error instanceof CommanderError
      ? error.exitCode === 0
        ? exitCodes.ok
        : exitCodes.usage
      : printError(error);
}

function strict(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help shows what there is)');
  for (const child of command.commands) strict(child);
}
