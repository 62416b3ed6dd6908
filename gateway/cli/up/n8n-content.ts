import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { GatehouseError } from '../../config/index.ts';
import { digest } from '../../envelope/index.ts';
import { readJson, writeJson } from './files.ts';
import { n8nCommand } from './n8n.ts';
import type { N8nOptions } from './n8n-environment.ts';

/** A workflow of the repository, as its file has it. */
export interface WorkflowFile {
  id: string;
  name: string;
  path: string;
  text: string;
}

/** What was brought into n8n: by it a later start knows what a builder changed since. */
export interface Imported {
  credentials?: string;
  workflows: Record<string, { source: string; stored: string }>;
}

/** What `importContent` did, for the person who watches. */
export interface ImportResult {
  imported: string[];
  /** workflows that a builder edited, of which the repository has a newer version: name and file */
  offered: { name: string; path: string }[];
  /** workflows that a builder unpublished: nothing reaches them */
  unpublished: string[];
}

/** Remembered of a workflow before it is sent: an import that is killed half way is no builder's work. */
export const interrupted: Imported['workflows'][string] = { source: '', stored: 'importing' };

/** What a later import compares a workflow's source with. */
export const sourceOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The workflows of a folder, in name order. @throws GatehouseError `GH-UP-022` for a file without a fixed id */
export async function readWorkflows(folder: string): Promise<WorkflowFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const text = await readFile(path, 'utf8');
      const { id, name: title } = JSON.parse(text) as { id?: unknown; name?: unknown };
      if (typeof id !== 'string' || typeof title !== 'string') {
        throw new GatehouseError('GH-UP-022', `${path} has no fixed id or no name.`, {
          field: 'id',
          next: 'Give the workflow a fixed id of at most 21 characters and a name.',
        });
      }
      return { id, name: title, path, text };
    }),
  );
}

/**
 * The credentials that the workflows refer to, by fixed ids. Their secret fields are empty: n8n fills them at run time
 * from its credentials overwrite and never stores them.
 */
export function credentialsFor(internalUrl: string): object[] {
  return [
    {
      id: 'gatehouseApi0001',
      name: 'Gatehouse API',
      type: 'gatehouseApi',
      data: { baseUrl: internalUrl, token: '', signingSecret: '' },
    },
  ];
}

/**
 * Imports and publishes what is new, and keeps what a builder changed. n8n must not run meanwhile: its commands take
 * effect at its next start.
 * @param memory file that remembers what was imported
 */
export async function importContent(
  options: N8nOptions,
  workflows: WorkflowFile[],
  credentials: object[],
  memory: string,
): Promise<ImportResult> {
  const known = (await readJson<Imported>(memory)) ?? { workflows: {} };
  const fresh = await freshDatabase(options);
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-import-'));
  try {
    const credentialsText = JSON.stringify(credentials);
    if (fresh || known.credentials !== sourceOf(credentialsText)) {
      const file = join(folder, 'credentials.json');
      await writeFile(file, credentialsText, { mode: 0o600 });
      await n8nCommand(options, ['import:credentials', `--input=${file}`]);
      known.credentials = sourceOf(credentialsText);
    }
    const { wanted, offered, unpublished } = choose(
      workflows,
      known.workflows,
      fresh ? new Map<string, never>() : await stored(options),
    );
    if (wanted.length > 0) {
      for (const { id } of wanted) known.workflows[id] = interrupted;
      await writeJson(memory, known);
      const sources = join(folder, 'workflows');
      await mkdir(sources);
      for (const workflow of wanted) await writeFile(join(sources, `${workflow.id}.json`), workflow.text);
      await n8nCommand(options, ['import:workflow', '--separate', `--input=${sources}`]);
      await publish(options, wanted);
      const after = await stored(options);
      for (const workflow of wanted) {
        const row = after.get(workflow.id);
        // n8n's commands end with 0 also where they skipped a file.
        if (!row?.published) {
          throw new GatehouseError('GH-UP-023', `n8n did not take the workflow "${workflow.name}".`, {
            status: 500,
            next: `Import ${workflow.path} in n8n's menu to see its reason.`,
          });
        }
        known.workflows[workflow.id] = { source: sourceOf(workflow.text), stored: row.hash };
      }
    }
    await writeJson(memory, known);
    return { imported: wanted.map((workflow) => workflow.name), offered, unpublished };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** n8n's workflows by id: a hash of their content, and whether they are published. */
export type Stored = Map<string, { hash: string; published: boolean }>;

/**
 * Sorts the workflows by what is to be done with them. What a builder edited or unpublished is theirs.
 * @param workflows as the repository has them
 * @param known what was imported before
 * @param rows what n8n has now
 */
export function choose(
  workflows: WorkflowFile[],
  known: Imported['workflows'],
  rows: Stored,
): { wanted: WorkflowFile[]; offered: ImportResult['offered']; unpublished: string[] } {
  const wanted: WorkflowFile[] = [];
  const offered: ImportResult['offered'] = [];
  const unpublished: string[] = [];
  for (const workflow of workflows) {
    const before = known[workflow.id];
    const row = rows.get(workflow.id);
    const newer = before?.source !== sourceOf(workflow.text);
    const untouched = before?.stored === row?.hash && row?.published;
    if (!row || before?.stored === interrupted.stored || (untouched && newer)) wanted.push(workflow);
    else {
      if (newer) offered.push({ name: workflow.name, path: workflow.path });
      if (!row.published) unpublished.push(workflow.name);
    }
  }
  return { wanted, offered, unpublished };
}

async function freshDatabase(options: N8nOptions): Promise<boolean> {
  return withDatabase(options, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `select to_regclass('public.workflow_entity') is not null as there`,
    );
    return rows[0]?.there !== true;
  });
}

async function stored(options: N8nOptions): Promise<Stored> {
  return withDatabase(options, async (client) => {
    const { rows } = await client.query<{ id: string; content: object; published: boolean }>(
      `select id, json_build_object('name', name, 'nodes', nodes, 'connections', connections,
         'settings', settings) as content, "activeVersionId" is not null as published from workflow_entity`,
    );
    return new Map(rows.map((row) => [row.id, { hash: digest(row.content), published: row.published }]));
  });
}

/**
 * Publishes the version that was just imported, as n8n's `publish:workflow` writes it. That command takes one workflow
 * and seconds to start, so that ten of them were most of the first start.
 */
async function publish(options: N8nOptions, workflows: WorkflowFile[]): Promise<void> {
  await withDatabase(options, (client) =>
    client.query(
      `update workflow_entity w set active = true, "activeVersionId" = h."versionId" from workflow_history h
       where h."workflowId" = w.id and h."versionId" = w."versionId" and not w."isArchived" and w.id = any($1)`,
      [workflows.map(({ id }) => id)],
    ),
  );
}

async function withDatabase<T>(options: N8nOptions, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: `postgres://n8n:${options.postgres.password}@127.0.0.1:${options.postgres.port}/n8n`,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
