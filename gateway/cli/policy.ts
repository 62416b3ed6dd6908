import { join } from 'node:path';
import { Command } from 'commander';
import { buildPolicy, findOpa, installOpa, opaVersion } from '../policy/index.ts';
import { printJson } from './output.ts';
import { commandSettings } from './settings.ts';

/** `gatehouse policy build`: `policies/rego` to `policies/policy.wasm`. */
export function policyCommand(): Command {
  const command = new Command('policy').description('the rules of policies/rego');
  command
    .command('build')
    .description('compile policies/rego to policies/policy.wasm')
    .option('--opa <program>', `an OPA ${opaVersion} of your own`)
    .option('--json', 'print the manifest as JSON')
    .action(async (options: { opa?: string; json?: boolean }) => {
      const { policiesDir } = commandSettings({ database: false });
      const manifest = await buildPolicy(options.opa ?? (await opaProgram()), policiesDir);
      if (options.json) return printJson(manifest);
      process.stdout.write(`Built ${join(policiesDir, 'policy.wasm')} with OPA ${manifest.opa}.\n`);
    });
  return command;
}

async function opaProgram(): Promise<string> {
  const found = await findOpa();
  if (found) return found;
  process.stderr.write(`Building OPA ${opaVersion} with Go: about 2 minutes, once.\n`);
  return installOpa();
}
