import { Command } from 'commander';
import { approvalsCommand } from './approvals.ts';
import { auditCommand } from './audit.ts';
import { backupCommand, epochCommand, restoreCommand } from './backup/commands.ts';
import { configCommand } from './config.ts';
import { costsCommand } from './costs.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { gatewayCommand } from './gateway.ts';
import { jobsCommand } from './jobs.ts';
import { killSwitchCommand } from './kill-switch.ts';
import { loginCommand, logoutCommand } from './login.ts';
import { modelsCommand } from './models.ts';
import { n8nCommand } from './n8n.ts';
import { peopleCommand } from './people.ts';
import { policyCommand } from './policy.ts';
import { resetCommand } from './reset.ts';
import { runnerCommand } from './runner.ts';
import { secretCommand } from './secret.ts';
import { toolsCommand } from './tools/index.ts';
import { upCommand } from './up.ts';
import { vaultCommand } from './vault.ts';
import { workflowsCommand } from './workflows.ts';

/** The `gatehouse` command with all that it can do. */
export function createProgram(): Command {
  const program = new Command('gatehouse')
    .description('A governed agent stack for n8n: envelopes, decisions, approvals, receipts.')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 something else is in the way.');

  for (const command of [
    upCommand(),
    doctorCommand(),
    gatewayCommand(),
    workflowsCommand(),
    n8nCommand(),
    demoCommand(),
    secretCommand(),
    vaultCommand(),
    peopleCommand(),
    toolsCommand(),
    policyCommand(),
    killSwitchCommand(),
    jobsCommand(),
    costsCommand(),
    modelsCommand(),
    loginCommand(),
    logoutCommand(),
    approvalsCommand(),
    auditCommand(),
    backupCommand(),
    restoreCommand(),
    epochCommand(),
    runnerCommand(),
    configCommand(),
    resetCommand(),
  ]) {
    program.addCommand(command);
  }

  strict(program);
  return program;
}

function strict(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help shows what there is)');
  for (const child of command.commands) strict(child);
}
