import { Command } from 'commander';
import { apiKeyOf, n8nApi } from './n8n-api.ts';
import { printJson } from './output.ts';
import { bringIntoOwnN8n, type Brought } from './own-n8n.ts';
import { commandSettings } from './settings.ts';
import { lintCommand } from './workflows-lint.ts';

interface Options {
  n8n: string;
  apiKey?: string;
  gatewayUrl?: string;
  replace?: boolean;
  json?: boolean;
}

/** `gatehouse workflows`: those that ship, into an n8n of one's own, and the guard over all of them. */
export function workflowsCommand(): Command {
  const command = new Command('workflows').description('the workflows in n8n and those of workflows-json');
  command
    .command('import')
    .description('put the Gatehouse credential and workflows into an n8n of your own, and publish them')
    .requiredOption('--n8n <url>', 'base address of n8n')
    .option('--api-key <key>', 'an API key of n8n; better in the environment as N8N_API_KEY')
    .option('--gateway-url <url>', "the gateway's internal listener as n8n reaches it")
    .option('--replace', 'also replace workflows that were edited in n8n')
    .option('--json', 'print what was done as JSON')
    .action(async (options: Options) => {
      const settings = commandSettings({ database: true });
      const n8n = options.n8n.replace(/\/$/, '');
      const done = await bringIntoOwnN8n(n8nApi(n8n, apiKeyOf(options)), settings, {
        n8n,
        gatewayUrl: options.gatewayUrl ?? settings.internalUrl,
        replace: options.replace === true,
      });
      if (options.json) return printJson(done);
      process.stdout.write(summary(done));
      if (new URL(settings.n8nUrl).origin !== new URL(n8n).origin) {
        process.stdout.write(
          `The gateway posts to ${settings.n8nUrl}. If that is not this n8n, start it with GATEHOUSE_N8N_URL=${n8n}.\n`,
        );
      }
    });
  command.addCommand(lintCommand());
  return command;
}

function summary({ imported, offered, unpublished, unfinished }: Brought): string {
  const lines = [
    'Credential "Gatehouse API" is ready.',
    ...imported.map((name) => `Published "${name}".`),
    ...offered.map(
      ({ name }) => `"${name}" was edited in n8n and is kept. To take the newer version, add --replace.`,
    ),
    ...unfinished.map(({ name, why }) => `"${name}" is there and not published yet: ${why}`),
    ...unpublished.map((name) => `"${name}" is not published in n8n: nothing reaches it.`),
  ];
  if (lines.length === 1) lines.push('The workflows are there already.');
  return `${lines.join('\n')}\n`;
}
