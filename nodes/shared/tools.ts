import { NodeOperationError } from 'n8n-workflow';
import type { ILoadOptionsFunctions, INodePropertyOptions } from 'n8n-workflow';
import { callGateway } from './gateway';
import { readable } from './refusal';

/** One tool as `GET /v1/tools` lists it. */
export interface ListedTool {
  name: string;
  title: string;
  description: string;
  risk: string;
  /** JSON Schema of the arguments. */
  args: { properties?: Record<string, object>; required?: string[] };
}

/**
 * The catalogue as it is now.
 * @throws NodeOperationError when the gateway does not answer
 */
export async function listTools(context: ILoadOptionsFunctions): Promise<ListedTool[]> {
  const answer = await callGateway<{ tools: ListedTool[] }>(context, 'GET', '/v1/tools');
  if (!answer.ok) throw new NodeOperationError(context.getNode(), readable(answer.refusal));
  return answer.value.tools;
}

/**
 * The tools of the catalogue, for a drop-down.
 * @throws NodeOperationError when the gateway does not answer; the editor shows it beside the field
 */
export async function getTools(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
  return (await listTools(this)).map(({ name, title, description, risk }) => ({
    name: `${title} (${name})`,
    value: name,
    description: `${description} Risk: ${risk}`,
  }));
}
