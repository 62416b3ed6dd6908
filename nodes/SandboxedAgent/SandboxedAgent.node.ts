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
import { mapItems, toToolOutputs, type Leaving } from '../shared/items';
import { blockedJson, refusalOfError } from '../shared/refusal';
import { getTools } from '../shared/tools';
import { answerSigned, waitingWebhooks } from '../shared/wait';
import { resumeAgents, runAgents } from './agent';
import { runCode } from './code';
import { properties } from './properties';
import { TEXT_TASKS, workOnText } from './texts';

/** Has the gateway run an agent, a model's question about a text, or code in its sandbox; nothing of it runs in n8n. */
export class SandboxedAgent implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Sandboxed Agent',
    name: 'sandboxedAgent',
    icon: { light: 'file:sandbox.svg', dark: 'file:sandbox.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle:
      '={{ $parameter["operation"] === "runCode" ? "Run " + ({ javascript: "JavaScript", python: "Python" }[$parameter["language"]] ?? "a shell script") : ({ runAgent: "Run agent: " + $parameter["task"], summarise: "Summarise", extract: "Extract", classify: "Classify" }[$parameter["operation"]]) }}',
    description:
      'Runs an agent within the policy and its budgets, asks a model about a text, or runs code in a sandbox',
    defaults: { name: 'Sandboxed Agent' },
    inputs: [NodeConnectionTypes.Main],
    // Named here and not in `outputNames`, which n8n keeps for the one output that a tool has.
    outputs: ['Not Done', 'Done'].map((displayName) => ({ type: NodeConnectionTypes.Main, displayName })),
    usableAsTool: true,
    waitingNodeTooltip: 'The agent works, or waits for people. The execution goes on when its run has ended.',
    webhooks: waitingWebhooks,
    credentials: [{ name: CREDENTIAL, required: true }],
    properties,
  };

  methods = { loadOptions: { getTools } };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    if (this.getNodeParameter('operation', 0) === 'runAgent') return await runAgents(this);
    const leaving = await mapItems(this.getInputData(), (item, index) => runItem(this, item, index));
    return toToolOutputs(this, leaving, 2);
  }

  async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
    return await answerSigned(this, resumeAgents);
  }
}

async function runItem(
  context: IExecuteFunctions,
  item: INodeExecutionData,
  index: number,
): Promise<Leaving> {
  try {
    const operation = context.getNodeParameter('operation', index) as string;
    if (TEXT_TASKS.includes(operation)) return await workOnText(context, index, operation);
    return await runCode(context, item, index);
  } catch (error) {
    return { output: 0, json: blockedJson(refusalOfError(error)) };
  }
}
