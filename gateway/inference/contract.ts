import { z } from 'zod';

/** The part of OpenAI's API that is served; what is not named here is taken and passed over, as other servers do. */
const Text = z.union([
  z.string(),
  z
    .array(z.object({ type: z.literal('text'), text: z.string() }))
    .transform((parts) => parts.map(({ text }) => text).join('')),
]);

const Message = z.discriminatedUnion('role', [
  z.object({ role: z.literal(['system', 'developer', 'user']), content: Text }),
  z.object({
    role: z.literal('assistant'),
    content: Text.nullish(),
    tool_calls: z
      .array(z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) }))
      .default([]),
  }),
  z.object({ role: z.literal('tool'), tool_call_id: z.string(), content: Text }),
]);

const schemaObject = z.record(z.string(), z.unknown());

/** A request to `POST /v1/chat/completions`: https://platform.openai.com/docs/api-reference/chat/create */
export const ChatRequest = z.object({
  messages: z.array(Message).min(1).max(10_000),
  max_completion_tokens: z.number().int().min(1).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  n: z.literal(1, 'only one answer is given').nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z
    .array(
      z.object({
        type: z.literal('function'),
        function: z.object({
          name: z.string().regex(/^[\w.-]{1,64}$/),
          description: z.string().optional(),
          parameters: schemaObject.optional(),
        }),
      }),
    )
    .max(128)
    .nullish(),
  tool_choice: z.enum(['auto', 'none'], 'only auto and none are served').nullish(),
  response_format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal(['text', 'json_object']) }),
      z.object({ type: z.literal('json_schema'), json_schema: z.object({ schema: schemaObject }) }),
    ])
    .nullish(),
});
export type ChatRequest = z.output<typeof ChatRequest>;

/** A request to `POST /v1/embeddings`: https://platform.openai.com/docs/api-reference/embeddings/create */
export const EmbeddingsRequest = z.object({
  input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(256)]),
  encoding_format: z.literal('float', 'only float is served').nullish(),
});

/** What a request used, as it is answered. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Tokens of the prompt that an earlier request had evaluated. */
  prompt_tokens_details: { cached_tokens: number };
}
