import { join } from 'node:path';
import { GatehouseError, type Settings } from '../config/index.ts';
import { digest } from '../envelope/index.ts';
import type { N8nApi } from './n8n-api.ts';
import {
  choose,
  credentialsFor,
  interrupted,
  issueSharedSecrets,
  readJson,
  readWorkflows,
  repository,
  sourceOf,
  writeJson,
  type Imported,
  type WorkflowFile,
} from './up/index.ts';

/** What an import into an n8n of one's own did. */
export interface Brought {
  /** n8n's id of the credential */
  credential: string;
  /** names of the workflows that were sent and published */
  imported: string[];
  /** workflows that a builder edited, of which the repository has a newer version: name and file */
  offered: { name: string; path: string }[];
  /** workflows that a builder unpublished: nothing reaches them */
  unpublished: string[];
  /** workflows that wait for a credential of the builder's before n8n publishes them: name, and n8n's words */
  unfinished: { name: string; why: string }[];
}

/** What was brought into one n8n, and the ids that it gave. */
type Known = Imported & { ids: Record<string, string> };

/** A workflow as n8n's public API gives it. */
interface Workflow {
  id: string;
  name: string;
  nodes: unknown;
  connections: unknown;
  settings: unknown;
  activeVersionId: string | null;
  isArchived?: boolean;
}

interface Node {
  id: string;
  type: string;
  credentials?: object;
}

/**
 * Brings the credential and the workflows into an n8n of one's own and publishes them. What a builder changed there is
 * kept; what was brought lies in `own-n8n.json` of the data folder.
 * @param options.n8n base address of n8n, by which it is remembered
 * @param options.gatewayUrl the internal listener as n8n reaches it
 * @param options.replace sends every workflow, also over a builder's changes; credentials that they chose stay
 * @throws GatehouseError `GH-CLI-023` when n8n does not have the nodes; as {@link N8nApi}
 */
export async function bringIntoOwnN8n(
  api: N8nApi,
  settings: Settings,
  options: { n8n: string; gatewayUrl: string; replace: boolean },
): Promise<Brought> {
  // Asked first, so that a wrong address, key or n8n changes nothing: issuing a token ends the one that n8n had.
  const existing = (await api.list<Workflow>('/workflows')).filter((workflow) => !workflow.isArchived);
  if (!(await api.has('/credentials/schema/gatehouseApi'))) {
    throw new GatehouseError('GH-CLI-023', `n8n at ${options.n8n} does not have the Gatehouse nodes.`, {
      next: 'Install n8n-nodes-gatehouse into it and restart it; see docs/own-n8n.md.',
    });
  }
  const memory = join(settings.dataDir, 'own-n8n.json');
  const all = (await readJson<Record<string, Known>>(memory)) ?? {};
  const known = (all[options.n8n] ??= { workflows: {}, ids: {} });
  const credential = await bringCredential(api, settings, options.gatewayUrl);

  const brought: Brought = { credential, imported: [], offered: [], unpublished: [], unfinished: [] };
  const ids = new Map([['gatehouseApi0001', credential]]);
  for (const file of inOrder(await readWorkflows(join(repository, 'workflows-json')))) {
    const text = withIds(file.text, ids);
    const now =
      existing.find((workflow) => workflow.id === known.ids[file.id]) ??
      existing.find((workflow) => workflow.name === file.name);
    const { wanted, offered, unpublished } = choose(
      [{ ...file, text }],
      options.replace ? { [file.id]: interrupted } : known.workflows,
      new Map(now ? [[file.id, { hash: hashOf(now), published: now.activeVersionId !== null }]] : []),
    );
    brought.offered.push(...offered);
    brought.unpublished.push(...unpublished);
    let id = now?.id;
    if (wanted.length > 0) {
      known.workflows[file.id] = interrupted;
      await writeJson(memory, all);
      const { stored, why } = await send(api, withCredentials(text, now), id);
      id = stored.id;
      known.workflows[file.id] = { source: sourceOf(text), stored: hashOf(stored) };
      known.ids[file.id] = id;
      await writeJson(memory, all);
      if (why === null) brought.imported.push(file.name);
      else brought.unfinished.push({ name: file.name, why });
    }
    if (id !== undefined) ids.set(file.id, id);
  }
  return brought;
}

async function bringCredential(api: N8nApi, settings: Settings, gatewayUrl: string): Promise<string> {
  const [described] = credentialsFor(gatewayUrl) as [{ name: string; type: string; data: object }];
  const { name, type } = described;
  const all = await api.list<{ id: string; name: string; type: string }>('/credentials');
  const known = all.find((credential) => credential.type === type && credential.name === name);
  const data = { ...described.data, ...(await issueSharedSecrets(settings)) };
  if (known) {
    await api.send('PATCH', `/credentials/${known.id}`, { data });
    return known.id;
  }
  return (await api.send<{ id: string }>('POST', '/credentials', { name, type, data })).id;
}

/** Saves and publishes. `why` is n8n's reason where it saved the workflow and wants a credential of it first. */
async function send(
  api: N8nApi,
  text: string,
  id: string | undefined,
): Promise<{ stored: Workflow; why: string | null }> {
  const { name, nodes, connections, settings = {} } = JSON.parse(text) as Record<string, unknown>;
  const body = { name, nodes, connections, settings };
  const saved = id
    ? await api.send<Workflow>('PUT', `/workflows/${id}`, body)
    : await api.send<Workflow>('POST', '/workflows', body);
  try {
    return { stored: await api.send<Workflow>('POST', `/workflows/${saved.id}/publish`, {}), why: null };
  } catch (error) {
    if (!(error instanceof GatehouseError) || !/credential/i.test(error.message)) throw error;
    return { stored: saved, why: error.message };
  }
}

const hashOf = ({ name, nodes, connections, settings }: Workflow): string =>
  digest({ name, nodes, connections, settings });

/** A workflow that others name, such as the error handler, must have its new id before they are sent. */
function inOrder(files: WorkflowFile[]): WorkflowFile[] {
  const depth = (file: WorkflowFile): number => {
    const naming = files.filter((other) => other !== file && other.text.includes(`"${file.id}"`));
    return Math.max(0, ...naming.map((other) => depth(other) + 1));
  };
  return [...files].sort((a, b) => depth(b) - depth(a));
}

/**
 * Leaves a node the credential that its builder chose, where the file has none: a published workflow that lost one could
 * not be published again.
 */
function withCredentials(text: string, now: Workflow | undefined): string {
  const chosen = new Map((now?.nodes as Node[] | undefined)?.map((node) => [node.id, node]));
  const workflow = JSON.parse(text) as { nodes: Node[] };
  const nodes = workflow.nodes.map((node) => {
    const before = chosen.get(node.id);
    return before?.type === node.type && before.credentials
      ? { ...node, credentials: node.credentials ?? before.credentials }
      : node;
  });
  return JSON.stringify({ ...workflow, nodes });
}

/** n8n gives ids of its own here: what the files say about each other is rewritten to them. */
function withIds(text: string, ids: Map<string, string>): string {
  for (const [from, to] of ids) text = text.replaceAll(`"${from}"`, JSON.stringify(to));
  return text;
}
