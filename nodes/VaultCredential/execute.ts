import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';
import { argumentsOf } from '../shared/arguments';
import { runCall } from '../shared/execution';
import { stepOf, type Leaving } from '../shared/items';
import { isObject, objectOf, runOf, textOf } from '../shared/parameters';
import { blockedJson, noTool, refusalOfError } from '../shared/refusal';

/** Runs the call of one item. Whatever goes wrong, it leaves on Not Done. */
export async function executeItem(context: IExecuteFunctions, index: number): Promise<Leaving> {
  try {
    const isRequest = context.getNodeParameter('operation', index) === 'httpRequest';
    const tool = isRequest ? 'http.request' : textOf(context, 'tool', index);
    if (tool === undefined) {
      return { output: 0, json: blockedJson(noTool) };
    }
    const run = runOf(context, index);
    const call: IDataObject = {
      run,
      tool,
      args: isRequest ? requestOf(context, index) : argumentsOf(context, index),
      step: stepOf(context, index),
    };
    const grant = textOf(context, 'grant', index);
    if (grant !== undefined) call.grant = grant;
    if (context.getNodeParameter('reply', index, false) === true) call.reply = true;
    // A builder who tries a workflow in the editor must not move money by it.
    if (context.getMode() === 'manual' && context.getNodeParameter('runInEditor', index, false) !== true) {
      call.dryRun = true;
    }
    return await runCall(context, '/v1/executions', call, { tool, run: { token: run } });
  } catch (error) {
    return { output: 0, json: blockedJson(refusalOfError(error)) };
  }
}

function requestOf(context: IExecuteFunctions, index: number): IDataObject {
  const args: IDataObject = {
    method: context.getNodeParameter('method', index) as string,
    url: context.getNodeParameter('url', index) as string,
  };
  const headers = objectOf(context, 'headers', index);
  if (Object.keys(headers).length > 0) {
    args.headers = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  }
  const body = context.getNodeParameter('body', index, '') as unknown;
  if (isObject(body)) args.body = JSON.stringify(body);
  else if (typeof body === 'string' && body !== '') args.body = body;
  const entry = textOf(context, 'entry', index);
  if (entry !== undefined) args.secret = entry;
  return args;
}
