import { z } from 'zod';
import type { Route } from './route.ts';

const ProblemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string(),
  next: z.string().optional(),
  field: z.string().optional(),
  retryAfter: z.number().int().optional(),
});

// OpenAPI 3.1 takes JSON Schema 2020-12 as it is, so zod's own export serves (https://spec.openapis.org/oas/v3.1.0#schema-object).
const schemaOf = (schema: z.ZodType): Record<string, unknown> => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
  return rest;
};

/** The OpenAPI 3.1 document of the internal API, made from the same descriptions that the routes are mounted from. */
export function openApiDocument(routes: readonly Route[], serverUrl: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const description of routes) {
    const path = description.path.replace(/:([a-z]+)/gi, '{$1}');
    const names = [...description.path.matchAll(/:([a-z]+)/gi)].map((match) => match[1]);
    (paths[path] ??= {})[description.method] = {
      summary: description.summary,
      description: `Scope: \`${description.scope}\`.`,
      security: [{ client: [] }],
      ...(names.length > 0
        ? {
            parameters: names.map((name) => ({
              name,
              in: 'path',
              required: true,
              schema: { type: 'string' },
            })),
          }
        : {}),
      ...(description.body
        ? {
            requestBody: {
              required: true,
              content: { 'application/json': { schema: schemaOf(description.body) } },
            },
          }
        : {}),
      responses: {
        200: {
          description: 'Done',
          ...(description.answer
            ? { content: { 'application/json': { schema: schemaOf(description.answer) } } }
            : {}),
        },
        default: {
          description: 'What went wrong (RFC 9457)',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse gateway, internal API',
      version: '1',
      description: 'Called by the n8n nodes, the CLI and workers. Never exposed to a public network.',
    },
    servers: [{ url: serverUrl }],
    paths,
    components: {
      schemas: { Problem: schemaOf(ProblemSchema) },
      securitySchemes: { client: { type: 'http', scheme: 'bearer' } },
    },
  };
}
