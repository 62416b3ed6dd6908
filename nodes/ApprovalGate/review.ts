import { jsonParse } from 'n8n-workflow';
import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import type { Decision, Outcome } from '../shared/contract';
import { callGateway } from '../shared/gateway';
import { stepOf } from '../shared/items';
import { isObject, runOf, textOf } from '../shared/parameters';
import { readable, refusalOf, refusalOfError, type Refusal } from '../shared/refusal';
import { toolBelow } from './below';
import { refusalOfOutcome, refusalOfState } from './outcome';
import { register } from './register';

/**
 * The gate as human review of n8n's AI Agent. The model controls everything in the item but `toolParameters`, which n8n
 * sets last; so the tool is a fixed parameter, the run comes from a node that is named, and nothing else of the item is
 * read. n8n then runs the tool on the original input, and the gateway finds the unused grant of the run by tool and digest.
 */
export async function reviewToolCall(context: IExecuteFunctions): Promise<INodeExecutionData[][]> {
  const items = context.getInputData();
  const [item] = items;
  try {
    const verdict = await ask(context, item, items.length);
    if (!item || 'told' in verdict) return one('told' in verdict ? verdict.told : verdict.waiting);
    // Replaced in place: this is what the agent gets when the wait ends without a decision.
    item.json = verdict.waiting;
    await context.putExecutionToWait(new Date(verdict.waitUntil));
    return [items];
  } catch (error) {
    return one(denied(refusalOfError(error)));
  }
}

/** What the agent is told when its call may not run. n8n reads `approved` and, as feedback, `chatInput`. */
export function denied(refusal: Refusal, facts: IDataObject = {}): IDataObject {
  const chatInput = readable(refusal);
  return { ...facts, approved: false, chatInput, data: { approved: false, chatInput } };
}

/** What the agent is told about a settled request. */
export function reviewed(waiting: IDataObject, outcome: Outcome | undefined): IDataObject {
  const approval = isObject(waiting.approval) ? waiting.approval : {};
  if (!outcome || outcome.id !== approval.id || outcome.digest !== approval.digest) {
    return denied({ code: 'outcome_mismatch', text: 'The outcome is not for this request.' });
  }
  return outcome.state === 'approved' ? approved() : denied(refusalOfOutcome(outcome));
}

/** Either what the agent is told at once, or what waits and until when. */
type Verdict = { told: IDataObject } | { waiting: IDataObject; waitUntil: string };

async function ask(
  context: IExecuteFunctions,
  item: INodeExecutionData | undefined,
  count: number,
): Promise<Verdict> {
  const call = item?.json.toolParameters;
  const tool = textOf(context, 'tool', 0);
  if (count !== 1 || !isObject(call) || tool === undefined) {
    const text = 'This review needs one fixed tool and one call with its arguments as an object.';
    return { told: denied({ code: 'review_misplaced', text }) };
  }
  const run = runOf(context, 0);
  const below = await toolBelow(context, tool);
  if ('code' in below) return { told: denied(below) };
  const answer = await callGateway<Decision>(context, 'POST', '/v1/decisions', {
    run,
    tool,
    args: below.governed ? argumentsOf(call) : call,
    step: stepOf(context, 0),
    ...(below.governed ? {} : { advisory: true }),
  });
  if (!answer.ok) return { told: denied(answer.refusal) };
  const { id, digest, effect, reasons } = answer.value;
  if (effect === 'allow' && answer.value.tool === tool) return { told: approved() };
  if (effect !== 'confirm' && effect !== 'approve') {
    const refusal = { code: 'unknown_decision', text: 'The policy does not allow this call.' };
    return { told: denied(refusalOf(reasons, refusal)) };
  }
  // n8n runs the tool on its original input, so nobody may change it here.
  const asked = await register(context, run, [id], false);
  if (!asked.ok) return { told: denied(asked.refusal) };
  const outcome = asked.value.approvals.find((approval) => approval.id === id)?.outcome;
  const approval = { id, digest };
  if (outcome) return { told: reviewed({ approval }, outcome) };
  return { waiting: denied(refusalOfState('expired'), { approval }), waitUntil: asked.value.waitUntil };
}

/** What Vault Credential will be called with: where one field holds all arguments, what is in it. */
function argumentsOf(call: IDataObject): IDataObject {
  const { args, ...others } = call;
  if (args === undefined || Object.keys(others).length > 0) return call;
  const inside: unknown = typeof args === 'string' ? jsonParse(args, { fallbackValue: null }) : args;
  return isObject(inside) ? inside : call;
}

function approved(): IDataObject {
  return { approved: true, data: { approved: true } };
}

function one(json: IDataObject): INodeExecutionData[][] {
  return [[{ json, pairedItem: { item: 0 } }]];
}
