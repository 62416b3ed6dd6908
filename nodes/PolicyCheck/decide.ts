import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { argumentsOf } from '../shared/arguments';
import type { Decision } from '../shared/contract';
import { callGateway } from '../shared/gateway';
import { stepOf, type Leaving } from '../shared/items';
import { isObject, runOf, textOf } from '../shared/parameters';
import { blockedJson, noTool, refusalOf, refusalOfError, type Refusal } from '../shared/refusal';

const BLOCKED = 0;
const ALLOWED = 1;
const NEEDS_APPROVAL = 2;

/** A tool call as it will be decided, approved and run. */
interface Call {
  tool: string;
  args: IDataObject;
}

/** Decides one item. Whatever goes wrong, it leaves on Blocked. */
export async function decideItem(
  context: IExecuteFunctions,
  item: INodeExecutionData,
  index: number,
): Promise<Leaving> {
  try {
    const call = callOf(context, item, index);
    if ('code' in call) return blocked({}, call);
    const run = runOf(context, index);
    const answer = await callGateway<Decision>(context, 'POST', '/v1/decisions', {
      run,
      tool: call.tool,
      args: call.args,
      step: stepOf(context, index),
    });
    const facts = { ...call, run: { token: run } };
    return answer.ok ? leave(call, facts, answer.value) : blocked(facts, answer.refusal);
  } catch (error) {
    return blocked({}, refusalOfError(error));
  }
}

function callOf(context: IExecuteFunctions, item: INodeExecutionData, index: number): Call | Refusal {
  if (context.getNodeParameter('call', index) === 'fields') {
    const tool = textOf(context, 'tool', index);
    if (tool === undefined) return noTool;
    return { tool, args: argumentsOf(context, index) };
  }
  const { tool, args, ...others } = item.json;
  const extra = Object.keys(others);
  if (extra.length > 0) {
    return {
      code: 'unmapped_fields',
      text: `The item holds more than tool and args: ${extra.slice(0, 5).join(', ')}.`,
      next: 'Map the call with an Edit Fields node that keeps only tool and args.',
    };
  }
  if (typeof tool !== 'string' || tool === '' || !isObject(args)) {
    return { code: 'call_missing', text: 'The item is not a call: it needs tool (text) and args (object).' };
  }
  return { tool, args };
}

/** Sends a decision to the output of its effect. Anything but a known effect in its full shape is a refusal. */
function leave(call: Call, facts: IDataObject, { grant, ...decision }: Decision): Leaving {
  const json: IDataObject = { ...facts, decision };
  const matches = typeof decision.id === 'string' && decision.tool === call.tool;
  if (matches && decision.effect === 'allow' && typeof grant === 'string' && grant !== '') {
    return { output: ALLOWED, json: { ...json, grant } };
  }
  if (matches && (decision.effect === 'confirm' || decision.effect === 'approve')) {
    return { output: NEEDS_APPROVAL, json: { ...json, grant: null } };
  }
  const unknown: Refusal = {
    code: 'unknown_decision',
    text: 'The decision is not one that this node knows.',
  };
  return blocked(json, decision.effect === 'deny' ? refusalOf(decision.reasons, unknown) : unknown);
}

function blocked(json: IDataObject, refusal: Refusal): Leaving {
  return { output: BLOCKED, json: { ...json, ...blockedJson(refusal) } };
}
