import { join } from 'node:path';
import { Command } from 'commander';
import { GatehouseError } from '../config/index.ts';
import { n8nApi, type N8nApi } from './n8n-api.ts';
import { printJson } from './output.ts';
import { commandSettings } from './settings.ts';
import {
  credentialsFor,
  issueSharedSecrets,
  readWorkflows,
  repository,
  type WorkflowFile,
} from './up/index.ts';

interface Options {
  n8n: string;
  apiKey?: string;
  gatewayUrl?: string;
  json?: boolean;
}

/** `gatehouse workflows import`: the credential and the workflows into an n8n of one's own. */
export function workflowsCommand(): Command {
  const command = new Command('workflows').description('the workflows of workflows-json');
  command
    .command('import')
    .description('put the Gatehouse credential and workflows into an n8n of your own, and publish them')
    .requiredOption('--n8n <url>', 'base address of n8n')
    .option('--api-key <key>', 'an API key of n8n; better in the environment as N8N_API_KEY')
    .option('--gateway-url <url>', "the gateway's internal listener as n8n reaches it")
    .option('--json', 'print what was done as JSON')
    .action(async (options: Options) => {
      const done = await importInto(options);
      if (options.json) return printJson(done);
      process.stdout.write(
        `Credential "Gatehouse API" is ready.\n${done.workflows.map((name) => `Published "${name}".\n`).join('')}` +
          `Set GATEHOUSE_N8N_URL=${options.n8n} for the gateway if it is not set yet.\n`,
      );
    });
  return command;
}

async function importInto(options: Options): Promise<{ credential: string; workflows: string[] }> {
  const key = options.apiKey ?? process.env.N8N_API_KEY;
  if (!key) {
    throw new GatehouseError('GH-CLI-022', 'There is no API key for n8n.', {
      next: 'Make one in n8n under Settings, n8n API, and set N8N_API_KEY.',
    });
  }
  const settings = commandSettings({ database: true });
  const api = n8nApi(options.n8n, key);
  const files = await readWorkflows(join(repository, 'workflows-json'));
  const existing = await api.list<{ id: string; name: string; isArchived?: boolean }>('/workflows');
  // Asked first, so that a wrong address or key changes nothing: issuing a token ends the one that n8n had.
  const credential = await bringCredential(api, options.gatewayUrl ?? settings.internalUrl);
  const ids = new Map<string, string>([['gatehouseApi0001', credential]]);
  for (const file of inOrder(files)) {
    const known = existing.find((workflow) => workflow.name === file.name && !workflow.isArchived);
    const body = workflowBody(file, ids);
    const { id } = known
      ? await api.send<{ id: string }>('PUT', `/workflows/${known.id}`, body)
      : await api.send<{ id: string }>('POST', '/workflows', body);
    ids.set(file.id, id);
    await api.send('POST', `/workflows/${id}/publish`, {});
  }
  return { credential, workflows: files.map((file) => file.name) };
}

async function bringCredential(api: N8nApi, gatewayUrl: string): Promise<string> {
  const [described] = credentialsFor(gatewayUrl) as [{ name: string; type: string; data: object }];
  const { name, type } = described;
  const data = { ...described.data, ...(await issueSharedSecrets(commandSettings({ database: true }))) };
  const all = await api.list<{ id: string; name: string; type: string }>('/credentials');
  const known = all.find((credential) => credential.type === type && credential.name === name);
  if (known) {
    await api.send('PATCH', `/credentials/${known.id}`, { data });
    return known.id;
  }
  return (await api.send<{ id: string }>('POST', '/credentials', { name, type, data })).id;
}

/** A workflow that others name, such as the error handler, must have its new id before they are sent. */
function inOrder(files: WorkflowFile[]): WorkflowFile[] {
  const namedBy = (file: WorkflowFile): number =>
    files.filter((other) => other !== file && other.text.includes(`"${file.id}"`)).length;
  return [...files].sort((a, b) => namedBy(b) - namedBy(a));
}

/** n8n gives ids of its own here: what the files say about each other is rewritten to them. */
function workflowBody(file: WorkflowFile, ids: Map<string, string>): object {
  let text = file.text;
  for (const [from, to] of ids) text = text.replaceAll(`"${from}"`, JSON.stringify(to));
  const { name, nodes, connections, settings } = JSON.parse(text) as Record<string, unknown>;
  return { name, nodes, connections, settings: settings ?? {} };
}
