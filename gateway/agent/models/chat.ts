import type OpenAI from 'openai';
import type { Answer, Question, Turn } from './conversation.ts';
import { bounded } from './bounded.ts';
import type { Model } from './file.ts';
import { estimateTokens } from './price.ts';

type Message = OpenAI.Chat.ChatCompletionMessageParam;

/** Asks by Chat Completions, streamed: https://platform.openai.com/docs/api-reference/chat/create */
export async function askByChat(
  client: OpenAI,
  model: Model,
  { turns, tools, schema }: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const stream = await client.chat.completions.create(
    {
      model: model.model ?? model.name,
      messages: turns.map(messageOf),
      max_completion_tokens: model.output,
      stream: true,
      stream_options: { include_usage: true },
      ...(tools.length > 0 && {
        tools: tools.map((tool) => ({ type: 'function' as const, function: { ...tool } })),
        parallel_tool_calls: true,
      }),
      ...(schema && {
        response_format: { type: 'json_schema' as const, json_schema: { name: 'output', schema } },
      }),
    },
    { signal },
  );
  const take = bounded(model);
  const calls: { name: string; args: string }[] = [];
  let text = '';
  let refused = false;
  let finish: string | null = null;
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const { choices, usage: counted } of stream) {
    usage = counted ?? usage;
    const [choice] = choices;
    if (!choice) continue;
    const { content, refusal, tool_calls: pieces = [] } = choice.delta;
    finish = choice.finish_reason ?? finish;
    refused ||= typeof refusal === 'string' && refusal !== '';
    text += take(content);
    for (const { index, function: part } of pieces) {
      const call = (calls[index] ??= { name: '', args: '' });
      call.name += take(part?.name);
      call.args += take(part?.arguments);
    }
  }
  return {
    text,
    // A server may begin to count anywhere.
    calls: Object.values(calls),
    finish: finishOf(finish, refused, calls.length > 0),
    tokensIn: usage?.prompt_tokens ?? turns.reduce((sum, turn) => sum + estimateTokens(turn.text), 0),
    tokensOut: usage?.completion_tokens ?? estimateTokens(text + calls.map(({ args }) => args).join('')),
  };
}

function finishOf(finish: string | null, refused: boolean, calls: boolean): Answer['finish'] {
  if (finish === 'length') return 'length';
  if (refused || finish === 'content_filter') return 'refused';
  return calls ? 'calls' : 'stop';
}

function messageOf(turn: Turn): Message {
  if (turn.role === 'tool') return { role: 'tool', tool_call_id: turn.call, content: turn.text };
  if (turn.role !== 'assistant') return { role: turn.role, content: turn.text };
  const { text, calls } = turn;
  if (calls.length === 0) return { role: 'assistant', content: text };
  return {
    role: 'assistant',
    content: text === '' ? null : text,
    tool_calls: calls.map(({ id, name, args }) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    })),
  };
}
