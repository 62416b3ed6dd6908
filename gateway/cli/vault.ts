import { Command } from 'commander';
import { modelKeys } from '../agent/index.ts';
import { loadCatalogue } from '../catalogue/index.ts';
import { readCopies, readRoutes, secretsInUse, vaultPolicies } from '../vault/index.ts';
import { printJson } from './output.ts';
import { commandSettings } from './settings.ts';

/** `gatehouse vault policy`: what the service accounts at a Vault have to be allowed, and nothing more. */
export function vaultCommand(): Command {
  const command = new Command('vault').description('stores at HashiCorp Vault or OpenBao');
  command
    .command('policy')
    .description('print the policy of each store of secrets.yaml, from what the catalogue uses')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const { policiesDir } = commandSettings({ database: false });
      const used = secretsInUse([
        ...loadCatalogue(policiesDir).list(),
        ...(await modelKeys({ policiesDir })),
      ]);
      for (const { name, secret } of await readCopies(policiesDir))
        used.set(secret, [...(used.get(secret) ?? []), `the credential "${name}" of n8n`]);
      const policies = vaultPolicies(await readRoutes(policiesDir), used);
      if (options.json) return printJson(policies);
      process.stdout.write(
        policies.length === 0
          ? 'No store of policies/secrets.yaml is a Vault.\n'
          : policies
              .map(({ name, hcl }) => `# vault policy write ${name} - <<'EOF'\n${hcl}# EOF\n`)
              .join('\n'),
      );
    });
  return command;
}
