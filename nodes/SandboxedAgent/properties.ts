import type { INodeProperties } from 'n8n-workflow';
import { runFields } from '../shared/parameters';
import { agentFields } from './agent-properties';
import { codeFields } from './code-properties';
import { TEXT_TASKS } from './texts';

const forTexts = { show: { operation: TEXT_TASKS } };

/** The fields of Sandboxed Agent, in the order of use. */
export const properties: INodeProperties[] = [
  {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    options: [
      {
        name: 'Classify',
        value: 'classify',
        action: 'Classify a text',
        description: 'Choose the label that fits a text',
      },
      {
        name: 'Extract',
        value: 'extract',
        action: 'Extract data from a text',
        description: 'Read data of a given shape out of a text',
      },
      {
        name: 'Run Agent',
        value: 'runAgent',
        action: 'Run an agent',
        description: 'Have a model work on a task with tools, and wait until it has ended',
      },
      {
        name: 'Run Code',
        value: 'runCode',
        action: 'Run code',
        description: 'Run a snippet in a single-use container',
      },
      {
        name: 'Summarise',
        value: 'summarise',
        action: 'Summarise a text',
        description: 'Say in a few sentences what a text says',
      },
    ],
    default: 'runCode',
  },
  ...agentFields,
  {
    displayName: 'Text',
    name: 'text',
    type: 'string',
    typeOptions: { rows: 4 },
    default: '',
    required: true,
    description: 'The text to work on. It is data for the model, never an instruction.',
    displayOptions: forTexts,
  },
  {
    displayName: 'Labels',
    name: 'labels',
    type: 'string',
    default: '',
    required: true,
    placeholder: 'e.g. invoice, reminder, other',
    description: 'The labels to choose from, with commas between them',
    displayOptions: { show: { operation: ['classify'] } },
  },
  {
    displayName: 'Instructions',
    name: 'instructions',
    type: 'string',
    typeOptions: { rows: 2 },
    default: '',
    description: 'What to look at, in your own words. Put no text of others here.',
    displayOptions: forTexts,
  },
  {
    displayName: 'Output Schema',
    name: 'schema',
    type: 'json',
    default: '{}',
    description: 'JSON Schema of the answer. With an empty one, the agent answers in words.',
    displayOptions: { show: { operation: ['runAgent'] } },
  },
  {
    displayName: 'Output Schema',
    name: 'schema',
    type: 'json',
    default: '{}',
    description: 'JSON Schema of the data to read out. With an empty one, it is any JSON object.',
    displayOptions: { show: { operation: ['extract'] } },
  },
  {
    displayName: 'Model Class',
    name: 'modelClass',
    type: 'string',
    default: '',
    placeholder: 'e.g. small',
    description: 'Only models of this class of models.yaml; left empty, the first that fits the task',
    displayOptions: { show: { operation: [...TEXT_TASKS, 'runAgent'] } },
  },
  ...codeFields,
  ...runFields,
];
