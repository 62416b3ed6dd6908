import { GatehouseError } from '../config/index.ts';

/** What a grammar cannot say; leaving it out would let answers through that were not asked for. */
const inexpressible = ['allOf', 'not', 'if', 'patternProperties', 'dependentSchemas', 'dependentRequired'];
const deepest = 32;

/**
 * JSON Schema as the grammar takes it: `anyOf` is its `oneOf`, and an object that names no properties may have any. Bounds of
 * numbers and patterns are no part of a grammar; whoever asks checks them.
 * @throws GatehouseError `GH-INFER-004` for what it cannot say
 */
export function grammarSchema(schema: Record<string, unknown>, path = '', depth = 0): unknown {
  const fault = (what: string): never => {
    throw new GatehouseError('GH-INFER-004', `The schema is not usable: ${path || '/'} ${what}.`, {
      next: 'Say it with type, properties, items, enum, const, oneOf, anyOf or $ref.',
      field: 'response_format',
    });
  };
  if (depth > deepest) fault('is nested too deep');
  const cannot = inexpressible.find((key) => Object.hasOwn(schema, key));
  if (cannot !== undefined) fault(`holds ${cannot}, which a grammar cannot say`);
  if (typeof schema.$ref === 'string' && !schema.$ref.startsWith('#/$defs/'))
    fault('refers to something outside of $defs');
  const one = (value: unknown, at: string): unknown =>
    isObject(value) ? grammarSchema(value, `${path}/${at}`, depth + 1) : value;
  const each = (value: unknown, at: string): unknown =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, one(part, `${at}/${key}`)]))
      : fault(`has ${at} that is no object`);
  const {
    anyOf,
    oneOf = anyOf,
    properties,
    $defs,
    items,
    prefixItems,
    additionalProperties,
    ...rest
  } = schema;
  const list = (value: unknown, at: string): unknown =>
    Array.isArray(value)
      ? value.map((part, index) => one(part, `${at}/${index}`))
      : fault(`has ${at} that is no list`);
  const open = rest.type === 'object' && properties === undefined;
  return {
    ...rest,
    ...(oneOf !== undefined && { oneOf: list(oneOf, 'oneOf') }),
    ...(properties !== undefined && { properties: each(properties, 'properties') }),
    ...($defs !== undefined && { $defs: each($defs, '$defs') }),
    ...(items !== undefined && { items: one(items, 'items') }),
    ...(prefixItems !== undefined && { prefixItems: list(prefixItems, 'prefixItems') }),
    ...(additionalProperties !== undefined
      ? { additionalProperties: one(additionalProperties, 'additionalProperties') }
      : open && { additionalProperties: true }),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
