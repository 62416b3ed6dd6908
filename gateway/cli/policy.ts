import { Command } from 'commander';
import { policyBuildCommand } from './policy/build.ts';
import { policyOverridesCommand } from './policy/overrides.ts';
import { policyTestCommand } from './policy/test.ts';

/** `gatehouse policy`: the rules of `policies/`, built, tested and shown. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('the rules of policies/rego and policies/local')
    .addCommand(policyBuildCommand())
    .addCommand(policyTestCommand())
    .addCommand(policyOverridesCommand());
}
