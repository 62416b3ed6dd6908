import { NodeConnectionTypes } from 'n8n-workflow';
import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { getArguments } from '../shared/arguments';
import { CREDENTIAL } from '../shared/gateway';
import { mapItems, toOutputs } from '../shared/items';
import { getTools } from '../shared/tools';
import { decideItem } from './decide';
import { properties } from './properties';

/** Asks the policy about each tool call; what leaves on Allowed carries a grant for exactly these arguments. */
export class PolicyCheck implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Policy Check',
    name: 'policyCheck',
    icon: { light: 'file:policy.svg', dark: 'file:policy.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle:
      '={{ $parameter["call"] === "fields" ? $parameter["tool"] || "No tool chosen yet" : "Call in the item" }}',
    description: 'Has the policy decide whether a tool call may run, must be approved or is refused',
    defaults: { name: 'Policy Check' },
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main, NodeConnectionTypes.Main, NodeConnectionTypes.Main],
    outputNames: ['Blocked', 'Allowed', 'Ask'],
    usableAsTool: undefined,
    credentials: [{ name: CREDENTIAL, required: true }],
    properties,
  };

  methods = { loadOptions: { getTools }, resourceMapping: { getArguments } };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const leaving = await mapItems(this.getInputData(), (item, index) => decideItem(this, item, index));
    return toOutputs(leaving, 3);
  }
}
