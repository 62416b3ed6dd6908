import type { Response } from 'express';
import { newToken } from '../envelope/index.ts';
import type { ChatRequest } from './contract.ts';
import type { Completion } from './engine.ts';

/** How an answer leaves: whole, or as it is written. */
export interface Answering {
  said(text: string): void;
  done(completion: Completion): void;
}

/** @returns what writes the answer to a request as it asked for it */
export function answering(response: Response, request: ChatRequest, model: string): Answering {
  const head = { id: newToken('chatcmpl'), created: Math.floor(Date.now() / 1000), model };
  return request.stream ? streamed(response, request, head) : whole(response, head);
}

function whole(response: Response, head: object): Answering {
  return {
    said: () => undefined,
    done({ text, calls, finish, usage }) {
      const message = {
        role: 'assistant',
        content: text === '' && calls.length > 0 ? null : text,
        refusal: null,
        ...(calls.length > 0 && { tool_calls: toolCalls(calls) }),
      };
      const choices = [{ index: 0, message, finish_reason: finish, logprobs: null }];
      response.json({ ...head, object: 'chat.completion', choices, usage });
    },
  };
}

/** Server-sent events: https://platform.openai.com/docs/api-reference/chat-streaming */
function streamed(response: Response, request: ChatRequest, head: object): Answering {
  const counts = request.stream_options?.include_usage === true;
  const send = (part: object): void => {
    if (!response.headersSent) response.set({ 'cache-control': 'no-store' }).type('text/event-stream');
    const body = { ...head, object: 'chat.completion.chunk', ...part };
    response.write(`data: ${JSON.stringify(body)}\n\n`);
  };
  const sendDelta = (delta: object, finish: string | null = null): void =>
    send({ choices: [{ index: 0, delta, finish_reason: finish }], ...(counts && { usage: null }) });
  let begun = false;
  const begin = (): void => {
    if (!begun) sendDelta({ role: 'assistant', content: '' });
    begun = true;
  };
  return {
    said(text) {
      begin();
      sendDelta({ content: text });
    },
    done({ calls, finish, usage }) {
      begin();
      if (calls.length > 0)
        sendDelta({ tool_calls: toolCalls(calls).map((call, index) => ({ index, ...call })) });
      sendDelta({}, finish);
      if (counts) send({ choices: [], usage });
      response.end('data: [DONE]\n\n');
    },
  };
}

const toolCalls = (calls: Completion['calls']): { id: string; type: string; function: object }[] =>
  calls.map(({ name, args }) => ({
    id: newToken('call'),
    type: 'function',
    function: { name, arguments: args },
  }));
