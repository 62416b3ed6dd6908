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

const PATH_INTO_ITEM = /^=\{\{ \$json((?:\.[A-Za-z_]\w*)+) \}\}$/;

/**
 * Reads a parameter. Where its expression is one of the defaults above or another plain path into the item, the value
 * is looked up here: n8n evaluates expressions in an isolate, which costs milliseconds for each.
 */
function valueOf(context: IExecuteFunctions, name: string, index: number): unknown {
  const { parameters } = context.getNode();
  const expression = parameters[name];
  // The item of an agent's tool is the model's, and n8n merges what the model filled in.
  if (typeof expression === 'string' && !isTool(context)) {
    if (expression === runFromNormaliser.default) {
      return (context.getWorkflowDataProxy(index).$ as NodeLookup)('Envelope Normaliser').item.json.run
        ?.token;
    }
    const path = PATH_INTO_ITEM.exec(expression)?.[1];
    if (path !== undefined) {
      return path.split('.').slice(1).reduce<unknown>(ownValue, context.getInputData()[index]?.json);
    }
  }
  return context.getNodeParameter(name, index, '');
}

type NodeLookup = (node: string) => { item: { json: { run?: { token?: unknown } } } };

function ownValue(holder: unknown, key: string): unknown {
  return isObject(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined;
}

const OF_A_NAMED_NODE = /^=\{\{ *\$\((['"])[^'"]+\1\)\.(?:item|first\(\)|last\(\))\.json(?:\.\w+)+ *\}\}$/;

/** Whether n8n runs the node for an agent: then the item is the model's. */
const isTool = (context: IExecuteFunctions): boolean => context.getNode().type.endsWith('Tool');

/**
 * Reads the run token. A tool of an agent takes it from a node by name and from nowhere else.
 * @throws NodeOperationError when it is empty, or could be the model's
 */
export function runOf(context: IExecuteFunctions, index: number): string {
  if (isTool(context) && !OF_A_NAMED_NODE.test(String(context.getNode().parameters.run))) {
    throw new NodeOperationError(
      context.getNode(),
      `The field Run has to take the run from a node by name, such as ${String(runFromNormaliser.default).slice(1)}`,
      { itemIndex: index },
    );
  }
  const run = valueOf(context, 'run', index);
  if (typeof run === 'string' && run !== '') return run;
  const text =
    'The field Run is empty. It takes the run that the Envelope Normaliser made; without one nobody is acting.';
  throw new NodeOperationError(context.getNode(), text, { itemIndex: index });
}

/** The parameters that hold a JSON object, by what the editor calls them. */
const OBJECTS = {
  args: 'Arguments',
  headers: 'Headers',
  input: 'Input',
  schema: 'Output Schema',
  files: 'Files as Text',
};

/**
 * Reads a parameter that holds a JSON object, given as an object by an expression or as text.
 * @throws NodeOperationError when it is anything else
 */
export function objectOf(context: IExecuteFunctions, name: keyof typeof OBJECTS, index: number): IDataObject {
  const given = valueOf(context, name, index);
  const value: unknown =
    typeof given === 'string' ? jsonParse(given || '{}', { fallbackValue: null }) : given;
  if (isObject(value)) return value;
  throw new NodeOperationError(context.getNode(), `The field ${OBJECTS[name]} is not a JSON object`, {
    itemIndex: index,
  });
}

/** Reads a parameter that may be empty. */
export function textOf(context: IExecuteFunctions, name: string, index: number): string | undefined {
  const value = valueOf(context, name, index);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The names of a list that is written with commas. */
export function namesOf(context: IExecuteFunctions, parameter: string, index: number): string[] {
  const text = textOf(context, parameter, index) ?? '';
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/**
 * The files that came with messages: the attachments of an envelope, by an expression, or ids that are written with commas.
 * @returns for each where it lies in the work folder, and its id; whose they are, the gateway decides
 * @throws NodeOperationError where something else was given
 */
export function attachmentsOf(context: IExecuteFunctions, parameter: string, index: number): IDataObject[] {
  const given = valueOf(context, parameter, index);
  if (typeof given === 'string') return namesOf(context, parameter, index).map((id) => named(id, id));
  const list = Array.isArray(given) ? (given as unknown[]) : [given];
  return list.map((one) => {
    if (typeof one === 'string' && one !== '') return named(one, one);
    const { id, name } = isObject(one) ? one : {};
    if (typeof id === 'string') return named(id, typeof name === 'string' ? name : id);
    const text =
      'The field Message Attachments takes the attachments of an envelope, or their IDs with commas between them';
    throw new NodeOperationError(context.getNode(), text, { itemIndex: index });
  });
}

const named = (attachment: string, path: string): IDataObject => ({ path, attachment });

/** Tells a plain JSON object from everything else. */
export function isObject(value: unknown): value is IDataObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
