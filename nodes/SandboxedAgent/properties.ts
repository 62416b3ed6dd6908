import type { INodeProperties } from 'n8n-workflow';
import { runFields } from '../shared/parameters';

const forCode = { show: { operation: ['runCode'] } };
const forAgent = { show: { operation: ['runAgent'] } };

/** The fields of Sandboxed Agent, in the order of use. */
export const properties: INodeProperties[] = [
  {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    options: [
      {
        name: 'Run Agent',
        value: 'runAgent',
        action: 'Run an agent',
        description: 'Have an agent work on a task. This release has no model for it yet.',
      },
      {
        name: 'Run Code',
        value: 'runCode',
        action: 'Run code',
        description: 'Run a snippet in a single-use container without a network',
      },
    ],
    default: 'runCode',
  },
  {
    displayName:
      'The code runs outside n8n, without a network, secrets or files of yours, and is stopped at its limits. Where the gateway has no sandbox, the item leaves on <b>Not Done</b>; nothing ever runs unsandboxed.',
    name: 'sandboxNotice',
    type: 'notice',
    default: '',
    displayOptions: forCode,
  },
  {
    displayName: 'Language',
    name: 'language',
    type: 'options',
    options: [
      { name: 'JavaScript', value: 'javascript' },
      { name: 'Python', value: 'python' },
      { name: 'Shell', value: 'shell' },
    ],
    default: 'javascript',
    displayOptions: forCode,
  },
  {
    displayName: 'Code',
    name: 'code',
    type: 'string',
    typeOptions: { rows: 8 },
    default: '',
    required: true,
    placeholder: 'e.g. console.log(6 * 7)',
    description: 'What it prints becomes the result',
    displayOptions: forCode,
  },
  {
    displayName: 'Grant',
    name: 'grant',
    type: 'string',
    default: '={{ $json.grant }}',
    hint: 'Left empty, the policy decides this call now, and only what it allows runs',
    description: 'The single-use grant that a Policy Check or an Approval Gate left in the item',
    displayOptions: { ...forCode, hide: { '@tool': [true] } },
  },
  {
    displayName:
      'This release cannot run an agent yet: each item leaves on <b>Not Done</b> with the reason <b>no_model_configured</b>. Use n8n’s own AI Agent, with an Approval Gate above each tool that has effects.',
    name: 'agentNotice',
    type: 'notice',
    default: '',
    displayOptions: forAgent,
  },
  {
    displayName: 'Task',
    name: 'prompt',
    type: 'string',
    typeOptions: { rows: 4 },
    default: '',
    required: true,
    description: 'What the agent is to do',
    displayOptions: forAgent,
  },
  ...runFields,
];
