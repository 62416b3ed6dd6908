import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { n8nApi, type N8nApi } from '../../../gateway/cli/n8n-api.ts';
import { repository } from '../../../gateway/cli/up/index.ts';
import type { FakeOpenAi, ToolCall } from '../../fixtures/openai/index.ts';
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
interface DraftNode {
  id: string;
  name: string;
  type: string;
  typeVersion: number;
  position: number[];
  parameters: Record<string, unknown>;
  credentials?: object;
  disabled?: boolean;
}

/** The example with n8n's AI Agent, which a test may change as a builder would. */
export interface Assistant {
  /** Saves and publishes the example, changed. */
  build(change?: (draft: Draft, node: (name: string) => DraftNode) => void): Promise<void>;
}

/** Gives n8n a credential for the model, as its owner does. */
export async function assistantOf(stack: TestStack, model: FakeOpenAi): Promise<Assistant> {
  const owner = await n8nOwner({ url: stack.urls.n8n, ...stack.owner });
  const scopes = ['workflow:update', 'workflow:activate', 'credential:create'];
  const api = n8nApi(stack.urls.n8n, await owner.apiKey(scopes));
  const credential = await api.send<{ id: string }>('POST', '/credentials', {
    name: 'A model',
    type: 'openAiApi',
    data: { apiKey: model.key, url: model.url, header: false },
  });
  return {
    async build(change) {
      const file = join(repository, 'workflows-json/example-assistant.json');
      const draft = JSON.parse(readFileSync(file, 'utf8')) as Draft;
      const node = (name: string): DraftNode => {
        const found = draft.nodes.find((each) => each.name === name);
        if (!found) throw new Error(`the example has no node ${name}`);
        return found;
      };
      node('OpenAI Chat Model').credentials = { openAiApi: { id: credential.id, name: 'A model' } };
      change?.(draft, node);
      await publish(api, draft);
    },
  };
}

/** n8n 2.41 refuses the first workflow with a node of LangChain that it has not loaded yet, and takes the second. */
async function publish(api: N8nApi, { id, name, nodes, connections, settings }: Draft): Promise<void> {
  const body = { name, nodes, connections, settings };
  await api.send('PUT', `/workflows/${id}`, body).catch(() => api.send('PUT', `/workflows/${id}`, body));
}

/** Adds a tool below a review or the agent. */
export function addTool(
  draft: Draft,
  to: string,
  tool: Pick<DraftNode, 'name' | 'type' | 'parameters'> & Partial<DraftNode>,
): void {
  const id = crypto.randomUUID();
  draft.nodes.push({ id, typeVersion: 1, position: [640, 480], ...tool });
  draft.connections[tool.name] = { ai_tool: [[{ node: to, type: 'ai_tool', index: 0 }]] };
}

/** A call of a reviewed tool: n8n asks the model for two objects, and believes the second one. */
export const reviewedCall = (
  name: string,
  toolParameters: unknown,
  hitlParameters: object = {},
): ToolCall => ({ name, args: { toolParameters, hitlParameters } });
