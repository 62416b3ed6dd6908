import type { IDataObject, INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import type { Outcome } from '../shared/contract';
import { toOutputs } from '../shared/items';
import { readSigned, waitingItems, type Refused } from '../shared/wait';
import { waitedFor } from './ask';
import { leaveBy } from './outcome';
import { reviewed } from './review';

const TYPE = 'dev.gatehouse.outcome.v1';

/**
 * Takes the gateway's outcome, where it is for the very requests that wait here. In a loop n8n signs the same address again,
 * so an outcome of an earlier round must not fit a later one.
 */
export async function resume(context: IWebhookFunctions): Promise<IWebhookResponseData | Refused> {
  const read = await readSigned(context, TYPE);
  if (!('items' in read)) return read;
  const outcomes = read.items as Outcome[];
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
