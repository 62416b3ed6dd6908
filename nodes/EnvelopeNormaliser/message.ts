import { jsonParse } from 'n8n-workflow';
import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { callGateway, CREDENTIAL } from '../shared/gateway';
import { isObject } from '../shared/parameters';
import type { Refusal } from '../shared/refusal';
import { checkSignature } from '../shared/signature';
import { envelopeErrors } from '../shared/envelope';

/** An envelope with its run, why there is none, or a ping that was answered. */
export type Normalised =
  { envelope: IDataObject; run: IDataObject; call?: IDataObject } | { refusal: Refusal } | 'ping';

/** Reads an item of the Webhook node: the gateway's signature first, then the schema, and only then the content. */
export async function fromMessage(
  context: IExecuteFunctions,
  item: INodeExecutionData,
  index: number,
): Promise<Normalised> {
  if (!item.binary?.data) {
    return refuse('raw_body_missing', 'The item has no raw body.', 'Switch on Raw Body in the Webhook node.');
  }
  const body = await context.helpers.getBinaryDataBuffer(index, 'data');
  const headers = isObject(item.json.headers) ? item.json.headers : {};
  const { signingSecret } = await context.getCredentials(CREDENTIAL);
  const forged = checkSignature({ headers, body }, String(signingSecret ?? ''));
  if (forged) return refuse('signature_invalid', forged);

  const message = jsonParse<unknown>(body.toString('utf8'), { fallbackValue: null });
  if (!isObject(message) || !isObject(message.envelope)) {
    return refuse('envelope_invalid', 'The message holds no envelope.');
  }
  const { envelope, run, call } = message;
  const wrong = envelopeErrors(envelope);
  if (wrong) return refuse('envelope_invalid', `The envelope is not valid: ${wrong}.`);
  if ((envelope.data as IDataObject).event === 'ping') {
    const answer = await callGateway(context, 'POST', '/v1/pings', { id: envelope.id });
    return answer.ok ? 'ping' : { refusal: answer.refusal };
  }
  if (!isObject(run) || typeof run.token !== 'string') {
    return refuse('run_missing', 'The message holds no run.');
  }
  return {
    envelope,
    run: { token: run.token, expiresAt: run.expiresAt },
    ...(isObject(call) && { call: { tool: call.tool, args: call.args } }),
  };
}

function refuse(code: string, text: string, next?: string): { refusal: Refusal } {
  return { refusal: { code, text, next } };
}
