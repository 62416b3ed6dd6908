import type { INodeProperties } from 'n8n-workflow';
import { argumentFields } from '../shared/arguments';
import { runFromNormaliser } from '../shared/parameters';

/** The fields of Policy Check, in the order of use. */
export const properties: INodeProperties[] = [
  {
    displayName: 'Call',
    name: 'call',
    type: 'options',
    noDataExpression: true,
    options: [
      {
        name: 'From the Item',
        value: 'item',
        description: 'Each item is exactly {tool, args}, for example made by an Edit Fields node',
      },
      { name: 'Defined Below', value: 'fields', description: 'Choose the tool here and map its arguments' },
    ],
    default: 'item',
    description: 'Where the tool and its arguments come from',
  },
  {
    displayName:
      'An item with anything besides <b>tool</b> and <b>args</b> is blocked, so that nothing that a message or model said slips into a call unseen.',
    name: 'itemNotice',
    type: 'notice',
    default: '',
    displayOptions: { show: { call: ['item'] } },
  },
  {
    displayName: 'Tool Name or ID',
    name: 'tool',
    type: 'options',
    typeOptions: { loadOptionsMethod: 'getTools' },
    default: '',
    description:
      'A tool of the catalogue. Choose from the list, or specify an ID using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
    displayOptions: { show: { call: ['fields'] } },
  },
  ...argumentFields(
    { show: { call: ['fields'] } },
    {
      displayName: 'Arguments',
      name: 'args',
      type: 'json',
      default: '{}',
      hint: 'The decision holds for exactly these arguments; change one and it has to be decided again',
      description: 'The arguments of the tool as a JSON object. Keep values as the person typed them.',
    },
    'fields',
  ),
  runFromNormaliser,
  {
    displayName:
      'What leaves on <b>Allowed</b> carries a grant for one call with exactly these arguments. What leaves on <b>Ask</b> belongs into an Approval Gate: it asks the person who wrote (or an automation’s owner) to confirm, or others to approve, as the policy says. <b>Blocked</b> holds the reason, ready to be shown.',
    name: 'outputsNotice',
    type: 'notice',
    default: '',
  },
];
