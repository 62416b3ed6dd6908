import { NodeConnectionTypes } from 'n8n-workflow';
import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { getArguments } from '../shared/arguments';
import { CREDENTIAL } from '../shared/gateway';
import { mapItems, toToolOutputs } from '../shared/items';
import { getTools } from '../shared/tools';
import { executeItem } from './execute';
import { properties } from './properties';

/** Runs a tool of the catalogue in the gateway, which adds the secret for the length of the call. */
export class VaultCredential implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Vault Credential',
    name: 'vaultCredential',
    icon: { light: 'file:vault.svg', dark: 'file:vault.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle:
      '={{ $parameter["operation"] === "httpRequest" ? $parameter["method"] + " with a secret" : String($rawParameter["tool"]).startsWith("=") ? "Execute the call in the item" : $parameter["tool"] ? "Execute: " + $parameter["tool"] : "No tool chosen yet" }}',
    description: 'Runs a tool or HTTP request with a secret that never enters n8n',
    defaults: { name: 'Vault Credential' },
    inputs: [NodeConnectionTypes.Main],
    // Named here and not in `outputNames`, which n8n keeps for the one output that a tool has.
    outputs: ['Not Done', 'Done'].map((displayName) => ({ type: NodeConnectionTypes.Main, displayName })),
    usableAsTool: true,
    credentials: [{ name: CREDENTIAL, required: true }],
    properties,
  };

  methods = { loadOptions: { getTools }, resourceMapping: { getArguments } };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const leaving = await mapItems(this.getInputData(), (_item, index) => executeItem(this, index));
    return toToolOutputs(this, leaving, 2);
  }
}
