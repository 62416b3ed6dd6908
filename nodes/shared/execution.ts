import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';
import type { Execution } from './contract';
import { callGateway } from './gateway';
import type { Leaving } from './items';
import { blockedJson, refusalOf } from './refusal';

const NOT_DONE = 0;
const DONE = 1;

/** Sentences for outcomes that the gateway gave no text for. */
const TEXTS: Record<Execution['status'], string> = {
  succeeded: 'Done.',
  dry_run: 'This was a dry run: nothing was changed.',
  failed: 'The call failed and had no effect.',
  denied: 'The policy does not allow this call.',
  needs_approval: 'This call needs an approval first.',
  planned: 'It is not done yet and will be tried again.',
  unknown: 'It is not known whether the call had an effect. Look before you repeat it.',
};

/**
 * Has the gateway run a call and sorts the item by how it ended.
 * @param facts what the item says about the call besides its outcome
 */
export async function runCall(
  context: IExecuteFunctions,
  path: string,
  call: IDataObject,
  facts: IDataObject,
): Promise<Leaving> {
  const answer = await callGateway<Execution>(context, 'POST', path, call);
  if (!answer.ok)
    return { output: NOT_DONE, json: { ...facts, status: 'failed', ...blockedJson(answer.refusal) } };
  const execution = answer.value;
  const text = execution.text ?? TEXTS[execution.status];
  if (execution.status === 'succeeded' || execution.status === 'dry_run') {
    return { output: DONE, json: { ...facts, ...execution, text } };
  }
  const refusal = refusalOf(execution.reasons, {
    code: TEXTS[execution.status] ? `execution_${execution.status}` : 'unexpected_answer',
    text: text ?? 'The gateway answered with an outcome that this node does not know.',
  });
  return { output: NOT_DONE, json: { ...facts, ...execution, ...blockedJson(refusal) } };
}
