import type {
  IDataObject,
  IExecuteFunctions,
  INodeExecutionData,
  IWebhookFunctions,
  IWebhookResponseData,
} from 'n8n-workflow';
import type { AgentRun } from '../shared/contract';
import { callGateway, type Answer } from '../shared/gateway';
import { stepOf, toToolOutputs, type Leaving } from '../shared/items';
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

const otherRun: Refusal = {
  code: 'run_mixed',
  text: 'This item belongs to another message than the first one, so its run was not begun.',
  next: 'Give this node the items of one message at a time.',
};

const unreadable: Refusal = { code: 'unexpected_answer', text: 'The gateway did not take the wait.' };

/** What came of the request of an item: its run, or why there is none. */
type Begun = AgentRun | { refused: { code: string; detail: string; next: string | null } };

/** An item that has a request, and the item as it leaves where it has none. */
type Asked = { run: string; request: IDataObject } | { leaves: IDataObject };

/** Starts a run for each item and puts the execution to wait for them, unless all have ended already. */
export async function runAgents(context: IExecuteFunctions): Promise<INodeExecutionData[][]> {
  const items = context.getInputData();
  const asked = items.map((_item, index) => askedBy(context, index));
  const runs: AgentRun[] = [];
  const { waiting, waitUntil } = await begin(context, asked, runs);
  if (waitUntil === null || runs.every(({ finishedAt }) => finishedAt !== null)) {
    return toToolOutputs(
      context,
      waiting.map((json) => leaveBy(json, runs)),
      2,
    );
  }
  // Replaced in place: n8n emits these items on the first output when the wait ends by itself.
  items.forEach((item, index) => {
    item.json = waiting[index] ?? {};
    delete item.binary;
  });
  await context.putExecutionToWait(waitUntil);
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

/** Reads what an item asks. */
function askedBy(context: IExecuteFunctions, index: number): Asked {
  try {
    const run = runOf(context, index);
    return { run, request: { step: stepOf(context, index), ...requestOf(context, index) } };
  } catch (error) {
    return { leaves: blockedJson(refusalOfError(error)) };
  }
}

/**
 * Has the gateway start all runs and register the wait for them, in one call: a repeated one finds the same. One wait serves one
 * message, so that items of another run are not begun.
 * @param runs takes the runs that there are
 * @returns the items as they wait, which say already that nothing came of them; and until when, null where nothing was begun
 */
async function begin(
  context: IExecuteFunctions,
  asked: readonly Asked[],
  runs: AgentRun[],
): Promise<{ waiting: IDataObject[]; waitUntil: Date | null }> {
  const run = asked.flatMap((item) => ('run' in item ? item.run : []))[0];
  const requests = asked.flatMap((item) => ('run' in item && item.run === run ? [item.request] : []));
  if (run === undefined)
    return { waiting: asked.map((item) => ('leaves' in item ? item.leaves : {})), waitUntil: null };
  const answer = await register(context, run, requests);
  const waitUntil = answer.ok ? new Date(answer.value.waitUntil) : null;
  const begun = answer.ok ? [...answer.value.runs] : [];
  const waiting = asked.map((item) => {
    if ('leaves' in item) return item.leaves;
    const json: IDataObject = { run: { token: item.run } };
    if (item.run !== run) return { ...json, ...blockedJson(otherRun) };
    if (!answer.ok) return { ...json, ...blockedJson(answer.refusal) };
    const one = begun.shift();
    if (!one || isRefused(one)) return { ...json, ...blockedJson(one ? toRefusal(one.refused) : unreadable) };
    runs.push(one);
    return { ...json, agentRun: one.id, state: one.state, ...blockedJson(unfinished) };
  });
  return { waiting, waitUntil };
}

const isRefused = (one: Begun): one is Exclude<Begun, AgentRun> => isObject(one.refused);

const toRefusal = ({
  code,
  detail,
  next,
}: {
  code: string;
  detail: string;
  next: string | null;
}): Refusal => ({
  code,
  text: detail,
  ...(next === null ? {} : { next }),
});

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

async function register(
  context: IExecuteFunctions,
  run: string,
  requests: IDataObject[],
): Promise<Answer<{ runs: Begun[]; waitUntil: string }>> {
  // n8n signs addresses of one node only for its own kind of operation; this one holds the execution's token.
  const url = new URL(String(context.evaluateExpression('{{ $execution.resumeUrl }}', 0)));
  const answer = await callGateway<{ runs: Begun[]; waitUntil: string }>(context, 'POST', '/v1/agent/waits', {
    run,
    executionId: context.getExecutionId(),
    nodeId: context.getNode().id,
    requests,
    resumePath: `${url.pathname}/${context.getNode().id}${url.search}`,
  });
  const usable =
    answer.ok && Array.isArray(answer.value.runs) && !Number.isNaN(Date.parse(answer.value.waitUntil));
  return answer.ok && !usable ? { ok: false, refusal: unreadable } : answer;
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
