import type OpenAI from 'openai';
import type { Answer, Question, Turn } from './conversation.ts';
import { bounded } from './bounded.ts';
import { ModelFailed } from './failed.ts';
import type { Model } from './file.ts';

type Item = OpenAI.Responses.ResponseInputItem;

/** Asks by Responses, streamed and not stored there: https://platform.openai.com/docs/api-reference/responses/create */
export async function askByResponses(
  client: OpenAI,
  model: Model,
  { turns, tools, schema }: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const stream = await client.responses.create(
    {
      model: model.model ?? model.name,
      input: turns.flatMap(itemsOf),
      max_output_tokens: model.output,
      stream: true,
      store: false,
      ...(tools.length > 0 && {
        tools: tools.map((tool) => ({ type: 'function' as const, strict: false, ...tool })),
        parallel_tool_calls: true,
      }),
      ...(schema && { text: { format: { type: 'json_schema' as const, name: 'output', schema } } }),
    },
    { signal },
  );
  const take = bounded(model);
  let done: OpenAI.Responses.Response | undefined;
  for await (const event of stream) {
    if (
      event.type === 'response.output_text.delta' ||
      event.type === 'response.function_call_arguments.delta'
    )
      take(event.delta);
    if (event.type === 'response.completed' || event.type === 'response.incomplete') done = event.response;
    if (event.type === 'response.failed' || event.type === 'error')
      throw new ModelFailed('malformed', { outage: true });
  }
  if (!done) throw new ModelFailed('malformed', { outage: true });
  const parts = done.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const calls = done.output.flatMap((item) =>
    item.type === 'function_call' ? [{ name: item.name, args: item.arguments }] : [],
  );
  const refused = parts.some(({ type }) => type === 'refusal');
  const cut = done.incomplete_details?.reason === 'max_output_tokens';
  return {
    text: parts.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
    calls,
    finish: cut
      ? 'length'
      : refused || done.incomplete_details
        ? 'refused'
        : calls.length > 0
          ? 'calls'
          : 'stop',
    tokensIn: done.usage?.input_tokens ?? 0,
    tokensOut: done.usage?.output_tokens ?? 0,
  };
}

function itemsOf(turn: Turn): Item[] {
  if (turn.role === 'tool') return [{ type: 'function_call_output', call_id: turn.call, output: turn.text }];
  const { role, text } = turn;
  const said: Item[] = text === '' ? [] : [{ type: 'message', role, content: text }];
  if (role !== 'assistant') return said;
  return [
    ...said,
    ...turn.calls.map(({ id, name, args }): Item => ({
      type: 'function_call',
      call_id: id,
      name,
      arguments: args,
    })),
  ];
}
