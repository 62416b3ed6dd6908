import { NodeOperationError, jsonParse } from 'n8n-workflow';
import type { IDataObject, IExecuteFunctions, INodeProperties } from 'n8n-workflow';

const RUN: INodeProperties = {
  displayName: 'Run',
  name: 'run',
  type: 'string',
  default: '',
  required: true,
  description:
    'The run that this call belongs to, from the Envelope Normaliser. It names the person, the conversation and the message; without it nothing can be done.',
};

/** Takes the run from the node that verified it, by name: what a message or model wrote cannot stand in for it. */
export const runFromNormaliser: INodeProperties = {
  ...RUN,
  default: "={{ $('Envelope Normaliser').item.json.run.token }}",
};

/**
 * Takes the run from the item, where every node of ours passes it on, because n8n loses the link between items when a
 * gate with two outputs resumes. As a tool of an agent the item is the model's, so there it is taken by name.
 */
export const runFields: INodeProperties[] = [
  { ...RUN, default: '={{ $json.run.token }}', displayOptions: { hide: { '@tool': [true] } } },
  { ...runFromNormaliser, displayOptions: { show: { '@tool': [true] } } },
];

/**
 * Reads the run token.
 * @throws NodeOperationError when it is empty
 */
export function runOf(context: IExecuteFunctions, index: number): string {
  const run = context.getNodeParameter('run', index, '') as unknown;
  if (typeof run === 'string' && run !== '') return run;
  throw new NodeOperationError(context.getNode(), 'There is no run token', { itemIndex: index });
}

/**
 * Reads a parameter that holds a JSON object, given as an object by an expression or as text.
 * @throws NodeOperationError when it is anything else
 */
export function objectOf(context: IExecuteFunctions, name: string, index: number): IDataObject {
  const given = context.getNodeParameter(name, index, {}) as unknown;
  const value: unknown =
    typeof given === 'string' ? jsonParse(given || '{}', { fallbackValue: null }) : given;
  if (isObject(value)) return value;
  throw new NodeOperationError(context.getNode(), `The field ${name} is not a JSON object`, {
    itemIndex: index,
  });
}

/** Reads a parameter that may be empty. */
export function textOf(context: IExecuteFunctions, name: string, index: number): string | undefined {
  const value = context.getNodeParameter(name, index, '') as unknown;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Tells a plain JSON object from everything else. */
export function isObject(value: unknown): value is IDataObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
