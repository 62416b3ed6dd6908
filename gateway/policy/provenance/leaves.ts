import type { Tool } from '../../catalogue/index.ts';

/** One value of a call's arguments. */
export interface Leaf {
  /** JSON Pointer (RFC 6901) into the arguments. */
  at: string;
  /** The argument that it belongs to. */
  arg: string;
  value: string | number | boolean;
  /** Whether the tool's schema leaves only a few values to choose from, or gives this one by default. */
  schema: 'default' | 'chosen' | 'free';
}

interface Schema {
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
}

/** Takes arguments apart, in their order. Null, and what holds nothing, has no leaf: there is nothing to vouch for. */
export function leavesOf(tool: Tool, args: Record<string, unknown>): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (value: unknown, at: string, arg: string, schema: Schema | undefined): void => {
    if (Array.isArray(value))
      value.forEach((item, index) => walk(item, `${at}/${index}`, arg, schema?.items));
    else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        const step = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const known = schema?.properties?.[key];
        // A name that the schema does not know was chosen by the caller, as much as its value.
        if (!known) leaves.push({ at: step, arg, value: key, schema: 'free' });
        walk(item, step, arg, known);
      }
    } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      leaves.push({ at, arg, value, schema: freedom(schema, value) });
    }
  };
  for (const [arg, value] of Object.entries(args)) walk(value, `/${arg}`, arg, tool.args.properties[arg]);
  return leaves;
}

function freedom(schema: Schema | undefined, value: unknown): Leaf['schema'] {
  if (schema?.const !== undefined || schema?.default === value) return 'default';
  return schema?.enum || typeof value === 'boolean' ? 'chosen' : 'free';
}
