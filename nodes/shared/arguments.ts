import { NodeOperationError } from 'n8n-workflow';
import type {
  IDataObject,
  IDisplayOptions,
  IExecuteFunctions,
  ILoadOptionsFunctions,
  INodeProperties,
  ResourceMapperField,
  ResourceMapperFields,
} from 'n8n-workflow';
import { isObject, objectOf } from './parameters';
import { listTools } from './tools';

/** The part of JSON Schema that says which field an argument is edited in. */
interface ArgumentSchema {
  type?: string | string[];
  enum?: Array<string | number | boolean>;
  const?: string | number | boolean;
  format?: string;
}

/** n8n's field for each type of JSON Schema; what may be of several types is edited as text. */
const FIELD_TYPES: Record<string, ResourceMapperField['type']> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  array: 'array',
  object: 'object',
};

/**
 * The arguments of the chosen tool as n8n fields, straight from the catalogue's schema.
 * @throws NodeOperationError when the gateway does not answer; the editor shows it beside the fields
 */
export async function getArguments(this: ILoadOptionsFunctions): Promise<ResourceMapperFields> {
  const tool = this.getCurrentNodeParameter('tool');
  if (typeof tool !== 'string' || tool === '' || tool.startsWith('=')) {
    return {
      fields: [],
      emptyFieldsNotice: 'Choose a tool from the list to see its arguments, or specify them as JSON.',
    };
  }
  const found = (await listTools(this)).find(({ name }) => name === tool);
  if (!found) throw new NodeOperationError(this.getNode(), `There is no tool ${tool} in the catalogue`);
  const { properties = {}, required = [] } = found.args;
  const fields = Object.entries(properties).map(([name, schema]) =>
    fieldOf(name, schema, required.includes(name)),
  );
  return fields.length > 0 ? { fields } : { fields, emptyFieldsNotice: 'This tool takes no arguments.' };
}

function fieldOf(name: string, schema: ArgumentSchema, required: boolean): ResourceMapperField {
  const field: ResourceMapperField = {
    id: name,
    // The name alone: n8n cuts a longer label off, and moves its warning out of the panel.
    displayName: name,
    required,
    display: true,
    defaultMatch: false,
    canBeUsedToMatch: false,
    type: typeof schema.type === 'string' ? FIELD_TYPES[schema.type] : 'string',
  };
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (!choices) return field;
  return { ...field, type: 'options', options: choices.map((value) => ({ name: String(value), value })) };
}

/**
 * How the arguments are given: each in a field of its own, or all as one JSON object.
 * @param show where the fields are shown
 * @param json the JSON field as the node has it; its own `displayOptions` are replaced
 * @param usual which of both a new node starts with
 */
export function argumentFields(
  show: IDisplayOptions,
  json: INodeProperties,
  usual: 'fields' | 'json',
): INodeProperties[] {
  const when = (specify: string): IDisplayOptions => ({
    ...show,
    show: { ...show.show, specify: [specify] },
  });
  return [
    {
      displayName: 'Specify Arguments',
      name: 'specify',
      type: 'options',
      noDataExpression: true,
      options: [
        {
          name: 'Using Fields Below',
          value: 'fields',
          description: 'One field for each argument of the tool',
        },
        { name: 'Using JSON', value: 'json', description: 'All arguments as one JSON object' },
      ],
      default: usual,
      displayOptions: show,
    },
    {
      displayName: 'Arguments',
      name: 'fields',
      type: 'resourceMapper',
      noDataExpression: true,
      default: { mappingMode: 'defineBelow', value: null },
      typeOptions: {
        loadOptionsDependsOn: ['tool'],
        resourceMapper: {
          resourceMapperMethod: 'getArguments',
          mode: 'add',
          fieldWords: { singular: 'argument', plural: 'arguments' },
          addAllFields: true,
          supportAutoMap: false,
        },
      },
      displayOptions: when('fields'),
    },
    { ...json, displayOptions: when('json') },
  ];
}

/**
 * The arguments of one item, from whichever way was chosen. An argument that was left empty is not one.
 * @throws Error where n8n finds a value that is not of its field's type, or a required one missing
 */
export function argumentsOf(context: IExecuteFunctions, index: number): IDataObject {
  if (context.getNodeParameter('specify', index, 'json') !== 'fields')
    return objectOf(context, 'args', index);
  const given = context.getNodeParameter('fields.value', index, {}) as unknown;
  if (!isObject(given)) return {};
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== null && value !== undefined && value !== ''),
  );
}
