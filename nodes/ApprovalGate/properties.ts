import { SEND_AND_WAIT_OPERATION } from 'n8n-workflow';
import type { INodeProperties } from 'n8n-workflow';
import { runFields } from '../shared/parameters';

/** The fields of Approval Gate. `@tool` tells n8n's human-review form of the node from the step in a workflow. */
export const properties: INodeProperties[] = [
  {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    options: [
      {
        name: 'Request Approval',
        value: SEND_AND_WAIT_OPERATION,
        action: 'Request approval and wait',
        description: 'Ask the approvers and wait for their decision',
      },
    ],
    default: SEND_AND_WAIT_OPERATION,
  },
  {
    displayName:
      'Connect it to the output <b>Ask</b> of a Policy Check. Who is asked, how many must agree and until when is the policy’s to say, not this node’s: a confirmation goes to the person who asked or to the automation’s owner, an approval to others. What was rejected, withdrawn, or not decided in time leaves on <b>Blocked</b>.',
    name: 'stepNotice',
    type: 'notice',
    default: '',
    displayOptions: { hide: { '@tool': [true] } },
  },
  {
    displayName:
      'Place exactly one tool below this review: a <b>Vault Credential</b> that runs the tool chosen here. The policy is asked first: what it allows runs at once, what it refuses is explained to the agent, all else waits for people. The message above is not shown to them; they see what the agent’s call really holds.',
    name: 'reviewNotice',
    type: 'notice',
    default: '',
    displayOptions: { show: { '@tool': [true] } },
  },
  {
    displayName:
      'Any other tool is run by n8n with its own credential. The review of it is <b>advice</b>: it stops the agent and not the credential, its receipt says so, and strict classes are refused.',
    name: 'adviceNotice',
    type: 'notice',
    default: '',
    displayOptions: { show: { '@tool': [true] } },
  },
  {
    // No expressions: in a review the agent's model writes the item, and must not choose what is asked about.
    displayName: 'Tool Name or ID',
    name: 'tool',
    type: 'options',
    noDataExpression: true,
    typeOptions: { loadOptionsMethod: 'getTools' },
    default: '',
    description: 'The tool of the catalogue that the node below runs',
    displayOptions: { show: { '@tool': [true] } },
  },
  ...runFields,
];
