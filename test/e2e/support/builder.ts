import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { n8nApi, type N8nApi } from '../../../gateway/cli/n8n-api.ts';
import { repository } from '../../../gateway/cli/up/index.ts';
import { n8nOwner } from '../../support/n8n-owner.ts';
import type { TestStack } from './stack.ts';

/** A workflow file, as far as a test changes it. */
export interface Draft {
  id: string;
  name: string;
  nodes: DraftNode[];
  connections: Record<string, Record<string, { node: string; type: string; index: number }[][]>>;
  settings: object;
}
export interface DraftNode {
  id: string;
  name: string;
  type: string;
  typeVersion: number;
  position: number[];
  parameters: Record<string, unknown>;
  credentials?: object;
  webhookId?: string;
  disabled?: boolean;
}
/** Changes a workflow as somebody would in the editor. `node` finds one by its name. */
export type Change = (draft: Draft, node: (name: string) => DraftNode) => void;

/** Somebody who builds workflows in n8n, over its public API. */
export interface Builder {
  api: N8nApi;
  /** Saves and publishes a workflow of the repository, changed. */
  build(file: string, change?: Change): Promise<void>;
  /** Makes and publishes a changed copy with an id of its own. */
  copy(file: string, change?: Change): Promise<void>;
}

/** A builder with the rights of n8n's owner. */
export async function builderOf(stack: TestStack): Promise<Builder> {
  const owner = await n8nOwner({ url: stack.urls.n8n, ...stack.owner });
  const workflows = ['create', 'update', 'activate'].map((right) => `workflow:${right}`);
  const api = n8nApi(stack.urls.n8n, await owner.apiKey([...workflows, 'credential:create']));
  return {
    api,
    async build(file, change) {
      const { id, ...draft } = changed(file, change);
      // n8n 2.41 refuses the first workflow with a node of LangChain that it has not loaded yet, and takes the second.
      const save = (): Promise<unknown> => api.send('PUT', `/workflows/${id}`, draft);
      await save().catch(save);
    },
    async copy(file, change) {
      const { id: _id, ...draft } = changed(file, change);
      const { id } = await api.send<{ id: string }>('POST', '/workflows', draft);
      await api.send('POST', `/workflows/${id}/publish`, {});
    },
  };
}

/** The file with the change, as the API takes it. */
function changed(file: string, change: Change | undefined): Draft {
  const draft = JSON.parse(readFileSync(join(repository, 'workflows-json', file), 'utf8')) as Draft;
  change?.(draft, (name) => {
    const found = draft.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`${file} has no node ${name}`);
    return found;
  });
  const { id, name, nodes, connections, settings } = draft;
  return { id, name, nodes, connections, settings };
}
