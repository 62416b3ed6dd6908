import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { runCall } from '../shared/execution';
import { stepOf, type Leaving } from '../shared/items';
import { attachmentsOf, namesOf, objectOf, runOf, textOf } from '../shared/parameters';

/** Runs the code of an item in the sandbox, with its files. */
export async function runCode(
  context: IExecuteFunctions,
  item: INodeExecutionData,
  index: number,
): Promise<Leaving> {
  const run = runOf(context, index);
  const call: IDataObject = {
    run,
    step: stepOf(context, index),
    language: context.getNodeParameter('language', index) as string,
    code: context.getNodeParameter('code', index) as string,
  };
  const files = await filesOf(context, item, index);
  if (files.length > 0) call.files = files;
  const artefacts = namesOf(context, 'artefacts', index);
  if (artefacts.length > 0) call.artefacts = artefacts;
  const egress = namesOf(context, 'hosts', index).map((host) => ({ host }));
  if (egress.length > 0) call.egress = egress;
  const grant = textOf(context, 'grant', index);
  if (grant !== undefined) call.grant = grant;
  return await runCall(context, '/v1/code/runs', call, { tool: 'code.run', run: { token: run } });
}

/**
 * Files of the item's binary properties, by their file names, those that came with messages, whose bytes the gateway has, and
 * those that the node names with their text.
 */
async function filesOf(
  context: IExecuteFunctions,
  item: INodeExecutionData,
  index: number,
): Promise<IDataObject[]> {
  const binaries = namesOf(context, 'binaryProperties', index).map(async (name) => {
    const content = await context.helpers.getBinaryDataBuffer(index, name);
    return { path: item.binary?.[name]?.fileName ?? name, base64: content.toString('base64') };
  });
  const texts = Object.entries(objectOf(context, 'files', index)).map(([path, value]) => ({
    path,
    text: typeof value === 'string' ? value : JSON.stringify(value),
  }));
  return [...(await Promise.all(binaries)), ...attachmentsOf(context, 'attachments', index), ...texts];
}
