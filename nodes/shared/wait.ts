import { jsonParse } from 'n8n-workflow';
import type { IDataObject, IWebhookDescription, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import { CREDENTIAL } from './gateway';
import { isObject } from './parameters';
import { checkSignature } from './signature';

/**
 * The two ways to reach a waiting node. Their path is the node's id: of n8n's own signed addresses only those are bound to the
 * node and query.
 */
export const waitingWebhooks: IWebhookDescription[] = (['GET', 'POST'] as const).map((httpMethod) => ({
  name: 'default',
  httpMethod,
  responseMode: 'onReceived',
  responseData: '',
  path: '={{ $nodeId }}',
  restartWebhook: true,
  isFullPath: true,
}));

/** Why a resume was not accepted; the execution goes on waiting. */
export interface Refused {
  status: 400 | 401 | 409;
  why: string;
}

/**
 * Reads what the gateway posts to a waiting node: signature over the raw bytes, then that it is of this type and meant for this
 * execution and node. Whether it is for the very things that wait here is for the caller to check: in a loop n8n signs the
 * same address again.
 */
export async function readSigned(
  context: IWebhookFunctions,
  type: string,
): Promise<{ items: IDataObject[] } | Refused> {
  const { headers, rawBody } = context.getRequestObject();
  if (!Buffer.isBuffer(rawBody)) return { status: 400, why: 'The request has no body.' };
  const { signingSecret } = await context.getCredentials(CREDENTIAL);
  const forged = checkSignature({ headers, body: rawBody }, String(signingSecret ?? ''));
  if (forged) return { status: 401, why: forged };

  const message = jsonParse<unknown>(rawBody.toString('utf8'), { fallbackValue: null });
  if (!isObject(message) || message.type !== type || !Array.isArray(message.items)) {
    return { status: 400, why: 'The body is not an outcome.' };
  }
  const gate = isObject(message.gate) ? message.gate : {};
  if (gate.nodeId !== context.getNode().id || String(gate.executionId) !== context.getExecutionId()) {
    return { status: 409, why: 'The outcome is for another execution or node.' };
  }
  // One that was left out would be an end that never comes.
  const items = message.items.filter(isObject);
  if (items.length < message.items.length)
    return { status: 400, why: 'An outcome in the body is not readable.' };
  return { items };
}

/** The items as `execute` left them when the wait began. */
export function waitingItems(context: IWebhookFunctions): IDataObject[] {
  const items: unknown = context.evaluateExpression('{{ $input.all().map((item) => item.json) }}', 0);
  return Array.isArray(items) ? items.filter(isObject) : [];
}

/** Answered already, and the execution goes on waiting. */
export const KEEP_WAITING: IWebhookResponseData = { noWebhookResponse: true };

/**
 * Answers a request to a node that only the gateway resumes. It never throws: n8n would take that for an end of the wait and
 * run the first output.
 */
export async function answerSigned(
  context: IWebhookFunctions,
  resume: (context: IWebhookFunctions) => Promise<IWebhookResponseData | Refused>,
): Promise<IWebhookResponseData> {
  try {
    const { method, headers } = context.getRequestObject();
    const signed = method === 'POST' && headers['webhook-signature'] !== undefined;
    const refused: Refused = { status: 401, why: 'Only the gateway ends this wait.' };
    const resumed = signed ? await resume(context) : refused;
    if (!('why' in resumed)) return resumed;
    context.getResponseObject().status(resumed.status).json({ gatehouse: 'refused', detail: resumed.why });
  } catch {
    answerFailure(context);
  }
  return KEEP_WAITING;
}

/** Answers that the node failed, where nothing was answered yet. */
export function answerFailure(context: IWebhookFunctions): void {
  try {
    const response = context.getResponseObject();
    if (!response.headersSent) response.status(500).json({ gatehouse: 'failed' });
  } catch {
    // The connection is gone; the wait goes on all the same.
  }
}
