import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import pg from 'pg';
import { GatehouseError, type Settings } from '../config/index.ts';
import {
  findUngoverned,
  readExemptions,
  readWorkflow,
  withoutExempted,
  type Exemption,
  type Finding,
  type Workflow,
} from '../workflows/index.ts';
import { n8nApi } from './n8n-api.ts';
import { exitCodes, plain, printJson } from './output.ts';
import { commandSettings } from './settings.ts';
import { repository } from './up/index.ts';

interface Options {
  n8n?: string;
  apiKey?: string;
  json?: boolean;
}

/** A workflow as n8n has it: what is published, and what is being worked on. */
interface Stored {
  id: string;
  name: string;
  nodes: unknown;
  connections: unknown;
  isArchived?: boolean;
  activeVersion?: { nodes: unknown; connections: unknown } | null;
}

/** `gatehouse workflows lint`: risky nodes that no gate governs. */
export function lintCommand(): Command {
  return new Command('lint')
    .description('find risky nodes that no Gatehouse gate governs')
    .argument('[files...]', 'exported workflows or folders of them; without any, what the running n8n has')
    .option('--n8n <url>', 'base address of n8n, when it is not the one of npm start')
    .option('--api-key <key>', 'an API key of n8n; better in the environment as N8N_API_KEY')
    .option('--json', 'print what was found as JSON')
    .action(async (paths: string[], options: Options) => {
      const settings = commandSettings({ database: false });
      const workflows = await (paths.length > 0 ? fromFiles(paths) : fromN8n(settings, options));
      const exemptions = await readExemptions(settings.policiesDir);
      const { findings, unused } = withoutExempted(findUngoverned(workflows), exemptions, new Date());
      if (findings.length > 0) process.exitCode = exitCodes.failed;
      if (options.json) return printJson({ workflows: workflows.length, findings, unusedExemptions: unused });
      process.stdout.write(report(workflows.length, findings, unused));
    });
}

async function fromFiles(paths: string[]): Promise<Workflow[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const workflows = (await Promise.all(files.map(workflowsOf))).flat();
  const known = new Map<string, Workflow>();
  for (const workflow of workflows) {
    if (known.has(workflow.id)) {
      throw new GatehouseError('GH-CLI-026', `Two of these workflows have the id ${workflow.id}.`, {
        next: 'Leave one of the files out: what calls it could mean either.',
      });
    }
    known.set(workflow.id, workflow);
  }
  return workflows;
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => name.endsWith('.json')).sort();
  return names.map((name) => join(path, name));
}

/** n8n exports one workflow as an object and many as a list; one that was never in n8n may have no id. */
async function workflowsOf(file: string): Promise<Workflow[]> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new GatehouseError('GH-CLI-027', `${file} cannot be read as JSON.`, {
      next: 'Name workflows that n8n exported, or a folder of them.',
      cause,
    });
  }
  return [content].flat().map((value) => readWorkflow({ id: file, ...(value as object) }, file));
}

/** What the running n8n has: by its API where there is a key, else from its database, which `npm start` knows. */
async function fromN8n(settings: Settings, options: Options): Promise<Workflow[]> {
  const key = options.apiKey ?? process.env.N8N_API_KEY;
  if (!key && settings.n8nDatabaseUrl === undefined) return fromFiles([join(repository, 'workflows-json')]);
  const stored = key
    ? await n8nApi(options.n8n ?? settings.n8nUrl, key).list<Stored>('/workflows')
    : await fromDatabase(settings.n8nDatabaseUrl as string);
  return stored
    .filter(({ isArchived }) => !isArchived)
    .map(({ id, name, activeVersion, ...draft }) => {
      const { nodes, connections } = activeVersion ?? draft;
      return readWorkflow({ id, name, nodes, connections }, `"${name}"`);
    });
}

async function fromDatabase(url: string): Promise<Stored[]> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    const { rows } = await client.query<Stored>(
      `select w.id, w.name, w."isArchived", coalesce(h.nodes, w.nodes) as nodes,
         coalesce(h.connections, w.connections) as connections
       from workflow_entity w left join workflow_history h on h."versionId" = w."activeVersionId" order by w.name`,
    );
    return rows;
  } catch (cause) {
    throw new GatehouseError('GH-CLI-028', "n8n's workflows cannot be read from its database.", {
      next: 'Start n8n, or set N8N_API_KEY and --n8n, or name exported files.',
      cause,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function report(count: number, findings: Finding[], unused: Exemption[]): string {
  const lines = findings.flatMap(({ code, workflow, why, remedy, path }) => [
    `${workflow.name}  (${code})`,
    `  ${why}`,
    `  ${remedy}`,
    `  ${path.join(' > ')}`,
    '',
  ]);
  const nodes = findings.length === 1 ? '1 node is' : `${findings.length} nodes are`;
  lines.push(
    findings.length === 0
      ? `${count} workflows, and a gate stands before each risky node.`
      : `${nodes} not governed, in ${count} workflows. What has to stay so is listed in policies/workflows.yaml.`,
    ...unused.map(({ workflow, node }) => `The exemption of "${node}" in "${workflow}" exempts nothing.`),
  );
  return `${lines.map(plain).join('\n')}\n`;
}
