import { Command } from 'commander';
import { policyBuildCommand } from './policy/build.ts';
import { policyCheckCommand } from './policy/check.ts';
import { policyOverridesCommand } from './policy/overrides.ts';
import { policyTestCommand } from './policy/test.ts';
import { addHistory } from './policy/history.ts';
import { addInspection } from './policy/inspect.ts';

/** `gatehouse policy`: the rules of `policies/`, built, tested and shown. */
export function policyCommand(): Command {
  const command = new Command('policy')
    .description('the rules of policies/rego and policies/local')
    .addCommand(policyBuildCommand())
    .addCommand(policyTestCommand())
    .addCommand(policyCheckCommand())
    .addCommand(policyOverridesCommand());
  addHistory(command);
  addInspection(command);
  return command;
}
