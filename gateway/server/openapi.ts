import { z } from 'zod';
import type { Catalogue, Tool } from '../catalogue/index.ts';
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

const shapeOf = ({ name }: Tool): string => `tool.${name}`;

/** A body that carries a call: with the tools that there are, and the arguments of each. */
function callOf(schema: Record<string, unknown>, tools: readonly Tool[]): Record<string, unknown> {
  const { properties } = schema as { properties?: object };
  if (tools.length === 0 || !properties || !('tool' in properties) || !('args' in properties)) return schema;
  const calls = tools.map((tool) => ({
    title: tool.title,
    properties: { tool: { const: tool.name }, args: { $ref: `#/components/schemas/${shapeOf(tool)}` } },
  }));
  return { ...schema, oneOf: calls };
}

/**
 * The document as it is now: it follows the catalogue.
 * @returns for `true` with the tools and their arguments, which are for those who may see them
 */
export function openApiDocuments(
  routes: readonly Route[],
  serverUrl: string,
  catalogue: Pick<Catalogue, 'version' | 'list'>,
): (withTools: boolean) => Record<string, unknown> {
  const plain = openApiDocument(routes, serverUrl);
  let whole = { version: '', document: plain };
  return (withTools) => {
    if (!withTools) return plain;
    const { version } = catalogue;
    if (whole.version !== version)
      whole = { version, document: openApiDocument(routes, serverUrl, catalogue.list()) };
    return whole.document;
  };
}

/** The OpenAPI 3.1 document of the internal API, made from the same descriptions that the routes are mounted from. */
export function openApiDocument(
  routes: readonly Route[],
  serverUrl: string,
  tools: readonly Tool[] = [],
): Record<string, unknown> {
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
              content: { 'application/json': { schema: callOf(schemaOf(description.body), tools) } },
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
      schemas: {
        Problem: schemaOf(ProblemSchema),
        ...Object.fromEntries(
          tools.map((tool) => [
            shapeOf(tool),
            {
              ...tool.args,
              description: `${tool.title}: ${tool.description} Risk: ${tool.risk}.`,
              ...(tool.example ? { examples: [tool.example] } : {}),
            },
          ]),
        ),
      },
      securitySchemes: { client: { type: 'http', scheme: 'bearer' } },
    },
  };
}
