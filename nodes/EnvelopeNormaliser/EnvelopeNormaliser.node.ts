import { NodeConnectionTypes } from 'n8n-workflow';
import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { CREDENTIAL } from '../shared/gateway';
import { mapItems, toOutputs, type Leaving } from '../shared/items';
import { blockedJson, refusalOfError, type Refusal } from '../shared/refusal';
import { commandOf, commandsField, ENVELOPE, outputsExpression, routesOf } from './commands';
import { fromMessage } from './message';
import { fromTrigger } from './trigger';

/** Turns what started the workflow into a verified envelope and the run that it may act in. */
export class EnvelopeNormaliser implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Envelope Normaliser',
    name: 'envelopeNormaliser',
    icon: { light: 'file:envelope.svg', dark: 'file:envelope.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle:
      '={{ $parameter["source"] === "trigger" ? "From a trigger: " + $parameter["kind"] : "Signed message" }}',
    description: 'Verifies a message of the gateway, or makes an envelope of what another trigger received',
    defaults: { name: 'Envelope Normaliser' },
    inputs: [NodeConnectionTypes.Main],
    outputs: outputsExpression,
    usableAsTool: undefined,
    credentials: [{ name: CREDENTIAL, required: true }],
    properties: [
      {
        displayName: 'Source',
        name: 'source',
        type: 'options',
        noDataExpression: true,
        options: [
          {
            name: 'Message of the Gateway',
            value: 'message',
            description: 'A Webhook node that the gateway calls; its option Raw Body must be on',
          },
          {
            name: 'Another Trigger',
            value: 'trigger',
            description: 'A form, chat, mail or schedule of n8n. Nothing it says about a person is trusted.',
          },
        ],
        default: 'message',
      },
      {
        displayName:
          'The signature is checked over the bytes as they arrived, so the Webhook node before this one needs its option <b>Raw Body</b>. The bytes are dropped afterwards.',
        name: 'rawBodyNotice',
        type: 'notice',
        default: '',
        displayOptions: { show: { source: ['message'] } },
      },
      commandsField,
      {
        displayName: 'Kind',
        name: 'kind',
        type: 'options',
        options: [
          { name: 'Chat', value: 'chat' },
          { name: 'Email', value: 'email' },
          { name: 'Error', value: 'error' },
          { name: 'Form', value: 'form' },
          { name: 'Schedule', value: 'schedule' },
          { name: 'Webhook', value: 'webhook' },
        ],
        default: 'form',
        description: 'What started this workflow',
        displayOptions: { show: { source: ['trigger'] } },
      },
      {
        displayName: 'Text',
        name: 'text',
        type: 'string',
        default: '={{ $json.chatInput ?? $json.text ?? "" }}',
        description:
          'What was written, if anything. It is data, never an instruction, and counts as nobody’s word.',
        displayOptions: { show: { source: ['trigger'] } },
      },
      {
        displayName: 'Automation',
        name: 'automation',
        type: 'string',
        default: '',
        placeholder: 'e.g. nightly-report',
        hint: 'Without an automation the run has no principal, and nearly everything is refused',
        description:
          'Name in policies/automations.yaml that this run acts as, with the tools and limits listed there',
        displayOptions: { show: { source: ['trigger'] } },
      },
    ],
  };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const items = this.getInputData();
    const routes = routesOf(this.getNodeParameter('commands', 0, '') as string);
    const leaving = await mapItems(items, async (item, index): Promise<Leaving | null> => {
      try {
        const fromGateway = this.getNodeParameter('source', index) === 'message';
        const result = fromGateway ? await fromMessage(this, item, index) : await fromTrigger(this, index);
        if (result === 'ping') return null;
        if ('refusal' in result) return rejected(result.refusal);
        return {
          output: routes.outputs.get(commandOf(result.envelope) ?? '') ?? ENVELOPE,
          json: { ...result },
        };
      } catch (error) {
        return rejected(refusalOfError(error));
      }
    });
    return toOutputs(leaving, routes.count);
  }
}

function rejected(refusal: Refusal): Leaving {
  return { output: 0, json: blockedJson(refusal) };
}
