import { Command } from 'commander';
import { readPolicyData } from '../../policy/index.ts';
import { printJson, printTable } from '../output.ts';
import { commandSettings } from '../settings.ts';

/** `gatehouse policy overrides`: which shipped rules are lifted, by whom and until when. */
export function policyOverridesCommand(): Command {
  return new Command('overrides')
    .description('shipped rules that policies/overrides.yaml lifts')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const now = new Date();
      const { overrides } = await readPolicyData(commandSettings({ database: false }).policiesDir, now);
      const rows = overrides.list.map((override) => ({
        ...override,
        inForce: Date.parse(override.until) > now.getTime(),
      }));
      if (options.json) return printJson(rows);
      printTable(
        ['RULE', 'STATE', 'UNTIL', 'OWNER', 'TOOLS', 'REASON'],
        rows.map(({ rule, inForce, until, owner, tools, reason }) => [
          rule,
          inForce ? 'lifted' : 'expired',
          until,
          owner,
          tools?.join(', ') ?? 'all',
          reason,
        ]),
        'No rule is lifted.',
      );
    });
}
