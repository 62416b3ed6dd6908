import { NodeOperationError } from 'n8n-workflow';
import type { ILoadOptionsFunctions, INodePropertyOptions } from 'n8n-workflow';
import { callGateway } from './gateway';
import { readable } from './refusal';

interface ToolList {
  tools: Array<{ name: string; title: string; description: string; risk: string }>;
}

/**
 * The tools of the catalogue, for a drop-down.
 * @throws NodeOperationError when the gateway does not answer; the editor shows it beside the field
 */
export async function getTools(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
  const answer = await callGateway<ToolList>(this, 'GET', '/v1/tools');
  if (!answer.ok) throw new NodeOperationError(this.getNode(), readable(answer.refusal));
  return answer.value.tools.map(({ name, title, description, risk }) => ({
    name: `${title} (${name})`,
    value: name,
    description: `${description} Risk: ${risk}`,
  }));
}
