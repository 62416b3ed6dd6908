import { NodeConnectionTypes } from 'n8n-workflow';
import type {
  IDataObject,
  IExecuteFunctions,
  INodeExecutionData,
  INodeType,
  INodeTypeDescription,
} from 'n8n-workflow';
import { runCall } from '../shared/execution';
import { CREDENTIAL } from '../shared/gateway';
import { mapItems, stepOf, toToolOutputs, type Leaving } from '../shared/items';
import { runOf, textOf } from '../shared/parameters';
import { blockedJson, refusalOfError } from '../shared/refusal';
import { properties } from './properties';

/** Runs code, or later an agent, in a sandbox of the gateway; never here, and never unsandboxed. */
export class SandboxedAgent implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Sandboxed Agent',
    name: 'sandboxedAgent',
    icon: { light: 'file:sandbox.svg', dark: 'file:sandbox.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle:
      '={{ $parameter["operation"] === "runAgent" ? "Run agent" : "Run " + ({ javascript: "JavaScript", python: "Python" }[$parameter["language"]] ?? "a shell script") }}',
    description: 'Runs code in a single-use container without a network',
    defaults: { name: 'Sandboxed Agent' },
    inputs: [NodeConnectionTypes.Main],
    // Named here and not in `outputNames`, which n8n keeps for the one output that a tool has.
    outputs: ['Not Done', 'Done'].map((displayName) => ({ type: NodeConnectionTypes.Main, displayName })),
    usableAsTool: true,
    credentials: [{ name: CREDENTIAL, required: true }],
    properties,
  };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const leaving = await mapItems(this.getInputData(), (_item, index) => runItem(this, index));
    return toToolOutputs(this, leaving, 2);
  }
}

async function runItem(context: IExecuteFunctions, index: number): Promise<Leaving> {
  try {
    const run = runOf(context, index);
    const call: IDataObject = { run, step: stepOf(context, index) };
    if (context.getNodeParameter('operation', index) === 'runAgent') {
      call.prompt = context.getNodeParameter('prompt', index) as string;
      return await runCall(context, '/v1/agent/runs', call, { run: { token: run } });
    }
    call.language = context.getNodeParameter('language', index) as string;
    call.code = context.getNodeParameter('code', index) as string;
    const grant = textOf(context, 'grant', index);
    if (grant !== undefined) call.grant = grant;
    return await runCall(context, '/v1/code/runs', call, { tool: 'code.run', run: { token: run } });
  } catch (error) {
    return { output: 0, json: blockedJson(refusalOfError(error)) };
  }
}
