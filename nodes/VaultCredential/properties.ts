import type { INodeProperties } from 'n8n-workflow';
import { argumentFields } from '../shared/arguments';
import { runFields } from '../shared/parameters';

const inWorkflow = { show: { operation: ['execute'] }, hide: { '@tool': [true] } };
const asTool = { show: { operation: ['execute'], '@tool': [true] } };
const forRequest = { show: { operation: ['httpRequest'] } };

/** The fields of Vault Credential, in the order of use. */
export const properties: INodeProperties[] = [
  {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    options: [
      {
        name: 'Execute',
        value: 'execute',
        action: 'Execute a tool',
        description: 'Run a tool of the catalogue with its secret',
      },
      {
        name: 'HTTP Request',
        value: 'httpRequest',
        action: 'Make an HTTP request',
        description: 'Call a host that the catalogue lists, with a secret that is listed for it',
      },
    ],
    default: 'execute',
  },
  {
    displayName: 'Tool Name or ID',
    name: 'tool',
    type: 'options',
    typeOptions: { loadOptionsMethod: 'getTools' },
    default: '={{ $json.tool }}',
    description:
      'A tool of the catalogue. Choose from the list, or specify an ID using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
    displayOptions: inWorkflow,
  },
  ...argumentFields(
    inWorkflow,
    {
      displayName: 'Arguments',
      name: 'args',
      type: 'json',
      default: '={{ $json.args }}',
      hint: 'A grant holds only for the arguments that were decided',
      description: 'The arguments of the tool as a JSON object',
    },
    'json',
  ),
  {
    // No expressions: as a tool the item is the model's, and which tool it stands for is the builder's to say.
    displayName: 'Tool Name or ID',
    name: 'tool',
    type: 'options',
    noDataExpression: true,
    typeOptions: { loadOptionsMethod: 'getTools' },
    default: '',
    description: 'The tool of the catalogue that the agent may call. The policy decides each call.',
    displayOptions: asTool,
  },
  ...argumentFields(
    asTool,
    {
      displayName: 'Arguments',
      name: 'args',
      type: 'json',
      default: "={{ $fromAI('args', 'The arguments of the tool as a JSON object', 'json') }}",
      description: 'The arguments of the tool as a JSON object, chosen by the model',
    },
    'json',
  ),
  {
    displayName: 'Method',
    name: 'method',
    type: 'options',
    options: ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'].map((value) => ({ name: value, value })),
    default: 'GET',
    displayOptions: forRequest,
  },
  {
    displayName: 'URL',
    name: 'url',
    type: 'string',
    default: '',
    required: true,
    placeholder: 'e.g. https://api.example.com/v1/things',
    description:
      'Where the gateway sends the request. Its host must be listed in policies/tools/http.request.yaml.',
    displayOptions: forRequest,
  },
  {
    displayName: 'Vault Entry',
    name: 'entry',
    type: 'string',
    default: '',
    placeholder: 'e.g. example/token',
    description: 'Name of a secret in the gateway’s store that is listed for this host',
    displayOptions: forRequest,
  },
  {
    displayName: 'Headers',
    name: 'headers',
    type: 'json',
    default: '{}',
    description: 'Further headers as a JSON object. Never put a secret here.',
    displayOptions: forRequest,
  },
  {
    displayName: 'Body',
    name: 'body',
    type: 'string',
    typeOptions: { rows: 4 },
    default: '',
    description: 'Text of the body; an object is sent as JSON',
    displayOptions: forRequest,
  },
  {
    displayName: 'Grant',
    name: 'grant',
    type: 'string',
    default: '={{ $json.grant }}',
    hint: 'Left empty, the policy decides this call now, and only what it allows runs',
    description: 'The single-use grant that a Policy Check or an Approval Gate left in the item',
    displayOptions: { hide: { '@tool': [true] } },
  },
  ...runFields,
  {
    displayName: 'Reply With the Outcome',
    name: 'reply',
    type: 'boolean',
    default: false,
    description:
      'Whether to tell the outcome and its receipt in the conversation that the run came from, which ends the run',
    displayOptions: { hide: { '@tool': [true] } },
  },
  {
    displayName: 'Run Effects in the Editor',
    name: 'runInEditor',
    type: 'boolean',
    default: false,
    description:
      'Whether a test run in the editor has real effects. Off, it is a dry run: decided and checked, but nothing is changed.',
  },
];
