import { join } from 'node:path';
import { Command } from 'commander';
import { buildBundle, buildPolicy, opaVersion, readPolicyData } from '../../policy/index.ts';
import { printJson } from '../output.ts';
import { commandSettings } from '../settings.ts';
import { installHelp, opaProgram, type OpaChoice } from './opa.ts';

/** `gatehouse policy build`: rules to `policy.wasm` and `local.wasm`, and on request a bundle for OPA. */
export function policyBuildCommand(): Command {
  return new Command('build')
    .description('compile policies/rego and policies/local')
    .option('--bundle <file>', 'also write a bundle that an OPA beside the gateway serves')
    .option('--opa <program>', `an OPA ${opaVersion} of your own`)
    .option('--install', installHelp)
    .option('--json', 'print the manifest as JSON')
    .action(async (options: OpaChoice & { bundle?: string; json?: boolean }) => {
      const { policiesDir } = commandSettings({ database: false });
      const opa = await opaProgram(options);
      const manifest = await buildPolicy(opa, policiesDir);
      const revision =
        options.bundle === undefined
          ? null
          : await buildBundle(
              opa,
              policiesDir,
              options.bundle,
              (await readPolicyData(policiesDir, new Date())).data,
            );
      if (options.json) return printJson(revision === null ? manifest : { ...manifest, revision });
      process.stdout.write(`Built ${join(policiesDir, 'policy.wasm')} with OPA ${manifest.opa}.\n`);
      if (revision !== null) process.stdout.write(`Wrote ${options.bundle}, revision ${revision}.\n`);
    });
}
