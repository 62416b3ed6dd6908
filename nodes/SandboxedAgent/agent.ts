import type {
  IDataObject,
  IExecuteFunctions,
  INodeExecutionData,
  IWebhookFunctions,
  IWebhookResponseData,
} from 'n8n-workflow';
import type { AgentRun } from '../shared/contract';
import { callGateway, PATIENT_PAUSES } from '../shared/gateway';
import { mapItems, stepOf, toToolOutputs, type Leaving } from '../shared/items';
import { isObject, objectOf, runOf, textOf } from '../shared/parameters';
import { blockedJson, refusalOfError, type Refusal } from '../shared/refusal';
import { readSigned, waitingItems, type Refused } from '../shared/wait';

const TYPE = 'dev.gatehouse.agent-runs.v1';
const NOT_DONE = 0;
const DONE = 1;

/** What an item says when n8n ends the wait by itself. */
const unfinished: Refusal = {
  code: 'agent_run_unfinished',
  text: 'The run of the agent did not end in time.',
  next: 'Look at it in the gateway, or stop it there.',
};

/** Starts a run for each item and puts the execution to wait for them, unless all have ended already. */
export async function runAgents(context: IExecuteFunctions): Promise<INodeExecutionData[][]> {
  const items = context.getInputData();
  const started = await mapItems(items, (_item, index) => startRun(context, index));
  const ids = started.flatMap(({ agentRun }) => (typeof agentRun === 'string' ? [agentRun] : []));
  const waits = ids.length === 0 ? null : await registerWait(context, ids);
  if (waits === null || 'refusal' in waits || waits.runs.every(({ finishedAt }) => finishedAt !== null)) {
    const fault = waits !== null && 'refusal' in waits ? blockedJson(waits.refusal) : {};
    const runs = waits !== null && 'runs' in waits ? waits.runs : [];
    return toToolOutputs(
      context,
      started.map((json) => leaveBy({ ...json, ...fault }, runs)),
      2,
    );
  }
  // Replaced in place: n8n emits these items on the first output when the wait ends by itself.
  items.forEach((item, index) => {
    item.json = started[index] ?? {};
    delete item.binary;
  });
  await context.putExecutionToWait(new Date(waits.waitUntil));
  return [items];
}

/** Goes on with how the runs ended, where it is told by the gateway and of the very runs that are waited for. */
export async function resumeAgents(context: IWebhookFunctions): Promise<IWebhookResponseData | Refused> {
  const read = await readSigned(context, TYPE);
  if (!('items' in read)) return read;
  const runs = read.items as AgentRun[];
  const waiting = waitingItems(context);
  const missing = waiting.some(
    ({ agentRun }) => agentRun !== undefined && !runs.some(({ id }) => id === agentRun),
  );
  if (waiting.length === 0 || missing) {
    return { status: 409, why: 'The outcome is not for the runs that are waited for here.' };
  }
  const leaving = waiting.map((json) => leaveBy(json, runs));
  return {
    workflowData: toToolOutputs(context, leaving, 2),
    webhookResponse: { gatehouse: 'resumed' },
  };
}

/** Starts the run of an item. @returns the item as it waits: it says already that nothing came of it */
async function startRun(context: IExecuteFunctions, index: number): Promise<IDataObject> {
  try {
    const run = runOf(context, index);
    const started = await callGateway<AgentRun>(context, 'POST', '/v1/agent/runs', {
      run,
      step: stepOf(context, index),
      ...requestOf(context, index),
    });
    if (!started.ok) return { run: { token: run }, ...blockedJson(started.refusal) };
    const { id, state } = started.value;
    return { run: { token: run }, agentRun: id, state, ...blockedJson(unfinished) };
  } catch (error) {
    return blockedJson(refusalOfError(error));
  }
}

/** What the run is asked, of the fields that are filled. */
function requestOf(context: IExecuteFunctions, index: number): IDataObject {
  const list = context.getNodeParameter('tools', index, []) as string[];
  const budget = context.getNodeParameter('budget', index, {}) as IDataObject;
  const { spend, ...counts } = budget;
  const schema = objectOf(context, 'schema', index);
  const input = Object.entries(objectOf(context, 'input', index)).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return {
    task: context.getNodeParameter('task', index, 'plan') as string,
    prompt: textOf(context, 'prompt', index) ?? null,
    template: textOf(context, 'template', index) ?? null,
    input: Object.fromEntries(input) as IDataObject,
    tools: context.getNodeParameter('offer', index, 'all') === 'all' ? null : list,
    modelClass: textOf(context, 'modelClass', index) ?? null,
    budget: { ...counts, ...(spend === undefined || spend === '' ? {} : { spend: String(spend) }) },
    schema: Object.keys(schema).length > 0 ? schema : null,
  };
}

async function registerWait(
  context: IExecuteFunctions,
  runs: string[],
): Promise<{ runs: AgentRun[]; waitUntil: string } | { refusal: Refusal }> {
  // n8n signs addresses of one node only for its own kind of operation; this one holds the execution's token.
  const url = new URL(String(context.evaluateExpression('{{ $execution.resumeUrl }}', 0)));
  const answer = await callGateway<{ runs: AgentRun[]; waitUntil: string }>(
    context,
    'POST',
    '/v1/agent/waits',
    {
      run: runOf(context, 0),
      executionId: context.getExecutionId(),
      nodeId: context.getNode().id,
      runs,
      resumePath: `${url.pathname}/${context.getNode().id}${url.search}`,
    },
    PATIENT_PAUSES,
  );
  if (answer.ok && Array.isArray(answer.value.runs) && !Number.isNaN(Date.parse(answer.value.waitUntil)))
    return answer.value;
  // Nobody would hear of their end.
  const run = runOf(context, 0);
  for (const id of runs) await callGateway(context, 'POST', `/v1/agent/runs/${id}/stop`, { run });
  if (!answer.ok) {
    const text =
      'The agent was begun and could not be waited for. It was told to stop, and may have gone on.';
    return { refusal: { ...answer.refusal, text, next: 'Look at its run on the page /runs.' } };
  }
  return { refusal: { code: 'unexpected_answer', text: 'The gateway did not take the wait.' } };
}

/** Sends an item to the output of how its run ended, with what it came to and what it cost. */
function leaveBy(waiting: IDataObject, runs: AgentRun[]): Leaving {
  const ended = runs.find(({ id }) => id === waiting.agentRun);
  if (!ended) return { output: NOT_DONE, json: waiting };
  const { state, endedBy, result, used, currency, steps, receipts } = ended;
  const text = result?.text ?? '';
  const facts: IDataObject = {
    ...(isObject(waiting.run) ? { run: waiting.run } : {}),
    agentRun: ended.id,
    state,
    endedBy,
    answer: text,
    ...(result?.output === undefined ? {} : { output: result.output }),
    costs: { ...used, spend: (used.cost / 1_000_000).toFixed(6), currency },
    steps,
    receipts,
  };
  if (state === 'done') return { output: DONE, json: { ...facts, text } };
  const refusal = { code: endedBy ?? state, text: text === '' ? `The run ended as ${state}.` : text };
  return { output: NOT_DONE, json: { ...facts, ...blockedJson(refusal) } };
}
