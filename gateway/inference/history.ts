import { GatehouseError } from '../config/index.ts';
import type { CalledFunction, Functions, Item } from './binding.ts';
import type { ChatRequest } from './contract.ts';
import { grammarSchema } from './schema.ts';

/**
 * The conversation as the model's own template renders it. Text stays text: what looks like a mark of the template in it is none.
 * @throws GatehouseError `GH-INFER-003` for the result of a call that nobody made, and a call without one
 */
export function historyOf(messages: ChatRequest['messages']): Item[] {
  const history: Item[] = [];
  const open = new Map<string, CalledFunction>();
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') {
      const call = open.get(message.tool_call_id);
      if (!call) throw unusable(`messages.${index}`, 'is the result of a call that nobody made');
      call.result = message.content;
      open.delete(message.tool_call_id);
      continue;
    }
    if (open.size > 0) throw unusable(`messages.${index}`, 'comes before the result of a call');
    if (message.role !== 'assistant') {
      history.push({ type: message.role === 'user' ? 'user' : 'system', text: message.content });
      continue;
    }
    const calls = message.tool_calls.map((call) => {
      const { name, arguments: args } = call.function;
      const called: CalledFunction = { type: 'functionCall', name, params: parsed(args), result: null };
      open.set(call.id, called);
      return called;
    });
    const said = message.content ? [message.content] : [];
    history.push({ type: 'model', response: [...said, ...calls] });
  }
  if (open.size > 0) throw unusable('messages', 'end before the result of a call');
  // The model goes on with its own turn once it was told what its calls came to.
  if (history.at(-1)?.type !== 'model') history.push({ type: 'model', response: [] });
  return history;
}

/** The tools that the model may call; undefined where there is none. */
export function functionsOf({ tools, tool_choice: choice }: ChatRequest): Functions | undefined {
  if (!tools?.length || choice === 'none') return undefined;
  return Object.fromEntries(
    tools.map(({ function: { name, description, parameters } }) => [
      name,
      {
        ...(description !== undefined && { description }),
        ...(parameters && { params: grammarSchema(parameters) }),
      },
    ]),
  );
}

/** @returns the schema that the answer is held to; null for any text */
export function schemaOf({ response_format: format }: ChatRequest): unknown {
  if (format?.type === 'json_schema') return grammarSchema(format.json_schema.schema);
  return format?.type === 'json_object' ? { type: 'object', additionalProperties: true } : null;
}

/** A request that cannot be served as it is. */
export const unusable = (field: string, what: string): GatehouseError =>
  new GatehouseError('GH-INFER-003', `The request is not usable: ${field} ${what}.`, { field });

/** A model's own arguments, which need not be JSON. */
function parsed(args: string): unknown {
  try {
    return JSON.parse(args);
  } catch {
    return args;
  }
}
