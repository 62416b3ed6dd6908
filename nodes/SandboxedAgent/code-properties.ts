import type { INodeProperties } from 'n8n-workflow';

const forCode = { show: { operation: ['runCode'] } };

/** The fields of Run Code, in the order of use. */
export const codeFields: INodeProperties[] = [
  {
    displayName:
      'The code runs outside n8n, without secrets, with no files and no hosts but those given here, and is stopped at its limits. Where the gateway has no sandbox, the item leaves on <b>Not Done</b>; nothing ever runs unsandboxed.',
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
    displayName: 'Files From Binary Properties',
    name: 'binaryProperties',
    type: 'string',
    default: '',
    placeholder: 'e.g. data',
    description:
      'Binary properties of the item, with commas between them; each lies in the work folder under its file name',
    displayOptions: forCode,
  },
  {
    displayName: 'Message Attachments',
    name: 'attachments',
    type: 'string',
    default: '',
    placeholder: "e.g. {{ $('Envelope Normaliser').item.json.envelope.data.attachments }}",
    hint: 'What is in them was not checked by anybody, so the conversation counts as tainted from then on',
    description:
      'Files that came with messages of this person in this conversation: the attachments of an envelope, each under its file name, or their IDs with commas between them, each under its ID',
    displayOptions: forCode,
  },
  {
    displayName: 'Files as Text',
    name: 'files',
    type: 'json',
    default: '{}',
    placeholder: 'e.g. { "invoices.csv": "…" }',
    description: 'Further files of the work folder: their text by their path',
    displayOptions: forCode,
  },
  {
    displayName: 'Artefacts',
    name: 'artefacts',
    type: 'string',
    default: '',
    placeholder: 'e.g. report.csv',
    description: 'Paths of files that the code writes and that come back, with commas between them',
    displayOptions: forCode,
  },
  {
    displayName: 'Hosts',
    name: 'hosts',
    type: 'string',
    default: '',
    placeholder: 'e.g. api.example.com',
    hint: 'Asks an approver, unless your rules say otherwise',
    description: 'Hosts that the code may reach over https, with commas between them; none when left empty',
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
];
