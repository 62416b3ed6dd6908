import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { GatehouseError } from '../config/index.ts';
import { buildPolicy, findOpa, opaCache, opaVersion } from '../policy/index.ts';
import { printJson } from './output.ts';
import { commandSettings } from './settings.ts';

const run = promisify(execFile);

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
      const manifest = await buildPolicy(options.opa ?? (await findOpa()) ?? (await makeOpa()), policiesDir);
      if (options.json) return printJson(manifest);
      process.stdout.write(`Built ${join(policiesDir, 'policy.wasm')} with OPA ${manifest.opa}.\n`);
    });
  return command;
}

/**
 * Lets Go build the pinned OPA, once: Go checks what it downloads against its public checksum database.
 * @throws GatehouseError `GH-CLI-010` where that is not possible
 */
async function makeOpa(): Promise<string> {
  const folder = opaCache();
  process.stderr.write(`Building OPA ${opaVersion} with Go: about 2 minutes, once.\n`);
  await mkdir(folder, { recursive: true });
  try {
    await run('go', ['install', `github.com/open-policy-agent/opa@v${opaVersion}`], {
      env: { ...process.env, GOBIN: folder, GOFLAGS: '' },
    });
  } catch (cause) {
    throw new GatehouseError('GH-CLI-010', `There is no OPA ${opaVersion} here, and Go could not build it.`, {
      next: `Install OPA ${opaVersion} (openpolicyagent.org) or Go, or name yours with --opa.`,
      cause,
    });
  }
  return join(folder, 'opa');
}
