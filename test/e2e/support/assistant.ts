import type { FakeOpenAi, ToolCall } from '../../fixtures/openai/index.ts';
import { builderOf, type Change, type Draft, type DraftNode } from './builder.ts';
import type { TestStack } from './stack.ts';

/** The example with n8n's AI Agent, which a test may change as a builder would. */
export interface Assistant {
  /** Saves and publishes the example, changed. */
  build(change?: Change): Promise<void>;
}

/** Gives n8n a credential for the model, as its owner does. */
export async function assistantOf(stack: TestStack, model: FakeOpenAi): Promise<Assistant> {
  const builder = await builderOf(stack);
  const { id } = await builder.api.send<{ id: string }>('POST', '/credentials', {
    name: 'A model',
    type: 'openAiApi',
    data: { apiKey: model.key, url: model.url, header: false },
  });
  return {
    build: (change) =>
      builder.build('example-assistant.json', (draft, node) => {
        node('OpenAI Chat Model').credentials = { openAiApi: { id, name: 'A model' } };
        change?.(draft, node);
      }),
  };
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
