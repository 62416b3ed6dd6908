import { Router } from 'express';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { findViewer } from './session.ts';

interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}
interface Operation {
  summary?: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>;
}
interface Document {
  info?: { title?: string; version?: string; description?: string };
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** A type for the reader: its words, and the schema that it points to. */
interface TypeView {
  text: string;
  ref: string | null;
}
interface FieldView {
  name: string;
  type: TypeView;
  required: boolean;
  description: string;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/**
 * `GET /docs` (to read) and `GET /openapi.json` (to import). To strangers both say nothing that is not in the source; who
 * is signed in also sees the tools.
 */
export function docsRoutes(deps: WebDeps): Router {
  const router = Router();
  router.get('/openapi.json', async (request, response) => {
    response.json(deps.openapi((await findViewer(request, deps)) !== null));
  });
  router.get('/docs', async (request, response) => {
    const viewer = await findViewer(request, deps);
    response.locals.viewer = viewer;
    const document = deps.openapi(viewer !== null) as Document;
    page(response, 'docs', {
      title: 'API',
      current: 'docs',
      info: document.info ?? {},
      ...readable(document),
    });
  });
  return router;
}

function readable(document: Document): { operations: unknown[]; schemas: unknown[] } {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    methods
      .filter((method) => item[method])
      .map((method) => {
        const operation = item[method] as Operation;
        const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
        return {
          id: `op-${method}-${path.replace(/[^\w]+/g, '-')}`,
          method: method.toUpperCase(),
          path,
          summary: operation.summary ?? '',
          description: operation.description ?? '',
          parameters: (operation.parameters ?? []).map((parameter) => ({
            name: `${parameter.name} (${parameter.in})`,
            type: typeOf(parameter.schema),
            required: parameter.required === true,
            description: parameter.description ?? '',
          })),
          body: body ? { type: typeOf(body), fields: fieldsOf(body) } : null,
          responses: Object.entries(operation.responses ?? {}).map(([status, answer]) => {
            const schema = Object.values(answer.content ?? {})[0]?.schema;
            return { status, description: answer.description ?? '', type: schema ? typeOf(schema) : null };
          }),
        };
      }),
  );
  const schemas = Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => ({
    name,
    description: schema.description ?? '',
    type: typeOf(schema),
    fields: fieldsOf(schema),
  }));
  return { operations, schemas };
}

function fieldsOf(schema: Schema): FieldView[] {
  return Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    name,
    type: typeOf(field),
    required: schema.required?.includes(name) ?? false,
    description: field.description ?? '',
  }));
}

function typeOf(schema: Schema | undefined): TypeView {
  if (!schema) return { text: 'any', ref: null };
  if (schema.$ref) {
    const ref = schema.$ref.split('/').at(-1) ?? '';
    return { text: ref, ref };
  }
  if (schema.const !== undefined) return { text: JSON.stringify(schema.const), ref: null };
  if (schema.enum) return { text: schema.enum.map((value) => JSON.stringify(value)).join(' | '), ref: null };
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  // Beside fields of its own, choices only say which of them go together.
  if (choices && !schema.properties) {
    const views = choices.map(typeOf);
    const joiner = schema.allOf ? ' & ' : ' | ';
    return {
      text: views.map((view) => view.text).join(joiner),
      ref: views.find((view) => view.ref)?.ref ?? null,
    };
  }
  if (schema.type === 'array' || schema.items) {
    const item = typeOf(schema.items);
    return { text: `${item.text}[]`, ref: item.ref };
  }
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'any');
  return { text: schema.format ? `${type} (${schema.format})` : type, ref: null };
}
