import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { toOutputs } from '../shared/items';
import { isObject, runOf } from '../shared/parameters';
import { blockedJson, refusalOfError, type Refusal } from '../shared/refusal';
import { callOf, leaveBy, waitingJson } from './outcome';
import { register, type Registration } from './register';

/** Asks for the decisions of all items and puts the execution to wait, unless everything is settled already. */
export async function askForItems(context: IExecuteFunctions): Promise<INodeExecutionData[][]> {
  const items = context.getInputData();
  const unusable = items.map((item, index) => faultOf(items, item, index));
  const decisions = items
    .filter((_, index) => unusable[index] === null)
    .map((item) => decisionOf(item) ?? '');
  const asked = await ask(context, decisions);

  const waiting = items.map((item, index) => {
    const refusal = unusable[index] ?? ('refusal' in asked ? asked.refusal : null);
    return refusal ? { ...callOf(item.json), ...blockedJson(refusal) } : waitingJson(item.json);
  });
  if ('refusal' in asked || decisions.length === 0) {
    return toOutputs(
      waiting.map((json) => ({ output: 0, json })),
      2,
    );
  }
  const outcomes = asked.approvals.flatMap(({ outcome }) => (outcome ? [outcome] : []));
  if (outcomes.length === asked.approvals.length) {
    const leaving = waiting.map((json) => {
      const id = waitedFor(json);
      return id === null
        ? { output: 0, json }
        : leaveBy(
            json,
            outcomes.find((outcome) => outcome.id === id),
          );
    });
    return toOutputs(leaving, 2);
  }
  // Replaced in place: n8n emits these items on the first output when the wait ends without a decision.
  items.forEach((item, index) => {
    item.json = waiting[index] ?? {};
    delete item.binary;
  });
  await context.putExecutionToWait(new Date(asked.waitUntil));
  return [items];
}

/** The decision that a waiting item waits for; null for one that was blocked before the wait. */
export function waitedFor(json: IDataObject): string | null {
  return isObject(json.approval) && typeof json.approval.id === 'string' ? json.approval.id : null;
}

async function ask(
  context: IExecuteFunctions,
  decisions: string[],
): Promise<Registration | { refusal: Refusal }> {
  if (decisions.length === 0) return { approvals: [], waitUntil: '' };
  try {
    const answer = await register(context, runOf(context, 0), decisions, true);
    return answer.ok ? answer.value : { refusal: answer.refusal };
  } catch (error) {
    return { refusal: refusalOfError(error) };
  }
}

/** Why an item cannot be asked about, or null. */
function faultOf(items: INodeExecutionData[], item: INodeExecutionData, index: number): Refusal | null {
  const id = decisionOf(item);
  if (id === null) {
    return {
      code: 'decision_missing',
      text: 'The item holds no decision that needs an approval.',
      next: 'Connect the output Ask of a Policy Check to this gate.',
    };
  }
  if (items.findIndex((other) => decisionOf(other) === id) !== index) {
    return {
      code: 'decision_repeated',
      text: 'Another item asks for the same decision; one approval is one action.',
    };
  }
  return null;
}

function decisionOf(item: INodeExecutionData): string | null {
  const { decision } = item.json;
  if (!isObject(decision) || typeof decision.id !== 'string') return null;
  return decision.effect === 'approve' || decision.effect === 'confirm' ? decision.id : null;
}
