import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

/** How many items of one node talk to the gateway at once; it commits what arrives together in one go. */
const AT_ONCE = 10;

/** One item on its way out: which output it leaves by, and what it holds. */
export interface Leaving {
  output: number;
  json: IDataObject;
}

/** Handles every item, a few at a time, in order. */
export async function mapItems<T>(
  items: INodeExecutionData[],
  handle: (item: INodeExecutionData, index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const slice = items.slice(start, start + AT_ONCE);
    results.push(...(await Promise.all(slice.map((item, offset) => handle(item, start + offset)))));
  }
  return results;
}

/**
 * Sorts leaving items, given in the order of the input, into the node's outputs; each knows the item it came from.
 * A null is an item that leaves nothing behind.
 */
export function toOutputs(leaving: Array<Leaving | null>, outputs: number): INodeExecutionData[][] {
  const sorted: INodeExecutionData[][] = Array.from({ length: outputs }, () => []);
  leaving.forEach((item, index) => {
    if (item) sorted[item.output]?.push({ json: item.json, pairedItem: { item: index } });
  });
  return sorted;
}

/**
 * The outputs of a node that may also be a tool of an agent: there only the first output reaches the model, so
 * everything leaves by it, and the typed result says how it ended. The run stays out of it: what a model reads goes to
 * the model's maker, and whoever holds the token may act for the message.
 */
export function toToolOutputs(
  context: Pick<IExecuteFunctions, 'getNode'>,
  leaving: Leaving[],
  outputs: number,
): INodeExecutionData[][] {
  if (!context.getNode().type.endsWith('Tool')) return toOutputs(leaving, outputs);
  return toOutputs(
    leaving.map(({ json }) => ({ output: 0, json: { ...json, run: undefined } })),
    1,
  );
}

/** Names the step of a run that an item stands for. The gateway answers a repeated step with its first outcome. */
export function stepOf(context: IExecuteFunctions, index: number): string {
  return `${context.getNode().id}:${context.getWorkflowDataProxy(index).$runIndex as number}:${index}`;
}
