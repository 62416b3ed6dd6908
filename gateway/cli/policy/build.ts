import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { buildBundle, buildPolicy, opaVersion, readPolicyData } from '../../policy/index.ts';
import { printJson } from '../output.ts';
import { folderHelp, policiesFolder } from './folder.ts';
import { installHelp, opaProgram, type OpaChoice } from './opa.ts';

/** `gatehouse policy build`: rules to `policy.wasm` and `local.wasm`, and on request a bundle for OPA. */
export function policyBuildCommand(): Command {
  return new Command('build')
    .description('compile policies/rego and policies/local')
    .argument('[folder]', folderHelp)
    .option('--bundle <file>', 'also write a bundle that an OPA beside the gateway serves')
    .option('--opa <program>', `an OPA ${opaVersion} of your own`)
    .option('--install', installHelp)
    .option('--json', 'print the manifest as JSON')
    .action(async (named: string | undefined, options: OpaChoice & { bundle?: string; json?: boolean }) => {
      const policiesDir = policiesFolder(named);
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
      const own = existsSync(join(policiesDir, 'local.wasm')) ? ' and local.wasm' : '';
      process.stdout.write(`Built policy.wasm${own} in ${policiesDir} with OPA ${manifest.opa}.\n`);
      if (revision !== null) process.stdout.write(`Wrote ${options.bundle}, revision ${revision}.\n`);
    });
}
