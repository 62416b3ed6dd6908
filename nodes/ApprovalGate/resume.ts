import { jsonParse } from 'n8n-workflow';
import type { IDataObject, INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import type { Outcome } from '../shared/contract';
import { CREDENTIAL } from '../shared/gateway';
import { toOutputs } from '../shared/items';
import { isObject } from '../shared/parameters';
import { checkSignature } from '../shared/signature';
import { waitedFor } from './ask';
import { leaveBy } from './outcome';
import { reviewed } from './review';

const TYPE = 'dev.gatehouse.outcome.v1';

/** Why a resume was not accepted; the execution goes on waiting. */
interface Refused {
  status: 400 | 401 | 409;
  why: string;
}

/**
 * Takes the gateway's outcome: signature over the raw bytes, then that it is meant for this execution, this node and the
 * very requests that wait here. In a loop n8n signs the same address again, so an outcome of an earlier round must not
 * fit a later one.
 */
export async function resume(context: IWebhookFunctions): Promise<IWebhookResponseData | Refused> {
  const { headers, rawBody } = context.getRequestObject();
  if (!Buffer.isBuffer(rawBody)) return { status: 400, why: 'The request has no body.' };
  const { signingSecret } = await context.getCredentials(CREDENTIAL);
  const forged = checkSignature({ headers, body: rawBody }, String(signingSecret ?? ''));
  if (forged) return { status: 401, why: forged };

  const message = jsonParse<unknown>(rawBody.toString('utf8'), { fallbackValue: null });
  if (!isObject(message) || message.type !== TYPE || !Array.isArray(message.items)) {
    return { status: 400, why: 'The body is not an outcome.' };
  }
  const gate = isObject(message.gate) ? message.gate : {};
  if (gate.nodeId !== context.getNode().id || String(gate.executionId) !== context.getExecutionId()) {
    return { status: 409, why: 'The outcome is for another gate.' };
  }
  const outcomes = message.items.filter(isObject) as Outcome[];
  const waiting = waitingItems(context);
  const missing = waiting
    .map(waitedFor)
    .filter((id) => id !== null && !outcomes.some((each) => each.id === id));
  if (waiting.length === 0 || missing.length > 0) {
    return { status: 409, why: 'The outcome is not for the requests that wait here.' };
  }
  return { workflowData: leave(context, waiting, outcomes), webhookResponse: { gatehouse: 'resumed' } };
}

function leave(
  context: IWebhookFunctions,
  waiting: IDataObject[],
  outcomes: Outcome[],
): INodeExecutionData[][] {
  const outcomeOf = (json: IDataObject) => outcomes.find((outcome) => outcome.id === waitedFor(json));
  if (context.getNode().type.endsWith('HitlTool')) {
    return toOutputs(
      waiting.map((json) => ({ output: 0, json: reviewed(json, outcomeOf(json)) })),
      1,
    );
  }
  return toOutputs(
    waiting.map((json) => (waitedFor(json) === null ? { output: 0, json } : leaveBy(json, outcomeOf(json)))),
    2,
  );
}

/** The items as `execute` left them when the wait began. */
function waitingItems(context: IWebhookFunctions): IDataObject[] {
  const items: unknown = context.evaluateExpression('{{ $input.all().map((item) => item.json) }}', 0);
  return Array.isArray(items) ? items.filter(isObject) : [];
}
