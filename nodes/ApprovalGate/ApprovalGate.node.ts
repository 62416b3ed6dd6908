import { NodeConnectionTypes } from 'n8n-workflow';
import type {
  IExecuteFunctions,
  INodeExecutionData,
  INodeType,
  INodeTypeDescription,
  IWebhookFunctions,
  IWebhookResponseData,
} from 'n8n-workflow';
import { CREDENTIAL } from '../shared/gateway';
import { getTools } from '../shared/tools';
import { waitingWebhooks } from '../shared/wait';
import { askForItems } from './ask';
import { properties } from './properties';
import { reviewToolCall } from './review';
import { answerWebhook } from './webhook';

/**
 * Waits until the people whom the policy named have decided. What can resume it is a message that the gateway
 * signed, nothing else. Without one it ends on Blocked: n8n sends every other end of a wait to the first output.
 */
export class ApprovalGate implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Approval Gate',
    name: 'approvalGate',
    icon: { light: 'file:approval.svg', dark: 'file:approval.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle: 'Ask whom the policy names',
    description: 'Waits for the person who has to confirm a tool call, or for those who may approve it',
    defaults: { name: 'Approval Gate' },
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main, NodeConnectionTypes.Main],
    outputNames: ['Blocked', 'Approved'],
    usableAsTool: undefined,
    waitingNodeTooltip: 'Waiting for people. The approvals page of Gatehouse shows who was asked.',
    webhooks: waitingWebhooks,
    credentials: [{ name: CREDENTIAL, required: true }],
    properties,
  };

  methods = { loadOptions: { getTools } };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const isReview = this.getNode().type.endsWith('HitlTool');
    return isReview ? await reviewToolCall(this) : await askForItems(this);
  }

  async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
    return await answerWebhook(this);
  }
}
