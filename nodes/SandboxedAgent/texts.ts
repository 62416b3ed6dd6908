import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';
import type { TextAnswer } from '../shared/contract';
import { callGateway, type Answer } from '../shared/gateway';
import { stepOf, type Leaving } from '../shared/items';
import { namesOf, objectOf, runOf, textOf } from '../shared/parameters';
import { blockedJson, refusalOf } from '../shared/refusal';

/** The operations that ask a model one question about a text. */
export const TEXT_TASKS = ['summarise', 'extract', 'classify'];

/** Has the gateway summarise, extract from or classify the text of an item. */
export async function workOnText(context: IExecuteFunctions, index: number, task: string): Promise<Leaving> {
  const run = runOf(context, index);
  const facts: IDataObject = { task, run: { token: run } };
  const body: IDataObject = {
    run,
    step: stepOf(context, index),
    task,
    text: String(context.getNodeParameter('text', index)),
  };
  const instructions = textOf(context, 'instructions', index);
  if (instructions !== undefined) body.instructions = instructions;
  const modelClass = textOf(context, 'modelClass', index);
  if (modelClass !== undefined) body.modelClass = modelClass;
  const schema = task === 'extract' ? objectOf(context, 'schema', index) : {};
  if (Object.keys(schema).length > 0) body.schema = schema;
  if (task === 'classify') body.labels = namesOf(context, 'labels', index);
  const answer = await askUntilDone(context, body);
  if (!answer.ok) return { output: 0, json: { ...facts, ...blockedJson(answer.refusal) } };
  if (answer.value.status === 'done') return { output: 1, json: { ...facts, ...answer.value } };
  const text = answer.value.text ?? 'The gateway could not do it.';
  const refusal = refusalOf(answer.value.reasons, { code: 'text_failed', text });
  return { output: 0, json: { ...facts, ...answer.value, ...blockedJson(refusal) } };
}

/** How often the gateway is asked; it holds each question for up to 25 seconds. */
const MOST_ASKS = 6;

/** Asks again while the answer takes longer: the same step is one run, and paid once. */
async function askUntilDone(context: IExecuteFunctions, body: IDataObject): Promise<Answer<TextAnswer>> {
  for (let asks = 1; ; asks++) {
    const answer = await callGateway<TextAnswer>(context, 'POST', '/v1/agent/texts', body);
    const pending = answer.ok && (answer.value.reasons ?? []).some(({ code }) => code === 'text_pending');
    if (!pending || asks === MOST_ASKS) return answer;
  }
}
