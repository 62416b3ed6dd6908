import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

type Metered = Pick<ToolFile, 'tokens' | 'connector'>;

interface Schema {
  type?: unknown;
  maximum?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
}

/** A pointer that leads nowhere, or to what bounds nothing, would make the budget of a model a wish. */
export function tokenFaults(tool: ToolFile): FoundFault[] {
  if (!tool.tokens) return [];
  let schema: Schema | undefined = tool.args;
  for (const key of stepsOf(tool.tokens.most)) {
    const required: boolean = schema?.required?.includes(key) === true;
    schema = required ? schema?.properties?.[key] : undefined;
  }
  if (schema?.type === 'integer' && typeof schema.maximum === 'number') return [];
  return [
    {
      where: ['tokens', 'most'],
      fault: 'does not lead to a required integer with a maximum',
      remedy: 'Point it at the argument that bounds the answer, such as /body/max_tokens, and require it.',
    },
  ];
}

/**
 * How many tokens a call may use.
 * @param args kept the tool's schema
 * @returns null where that cannot be told
 */
export function mostTokens(tool: Metered, args: Record<string, unknown>): number | null {
  return tool.tokens ? countAt(args, tool.tokens.most) : null;
}

/**
 * How many tokens a call says that it used.
 * @param result what the tool returned; of an HTTP tool, its body is read as JSON
 * @returns null where it does not say
 */
export function usedTokens(tool: Metered, result: unknown): number | null {
  if (!tool.tokens) return null;
  return countAt(tool.connector.kind === 'http' ? bodyOf(result) : result, tool.tokens.used);
}

function bodyOf(result: unknown): unknown {
  const { body } = (result ?? {}) as { body?: unknown };
  try {
    return typeof body === 'string' ? JSON.parse(body) : null;
  } catch {
    return null;
  }
}

function countAt(value: unknown, pointer: string): number | null {
  let here = value;
  for (const key of stepsOf(pointer)) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return null;
    here = (here as Record<string, unknown>)[key];
  }
  return Number.isSafeInteger(here) && (here as number) > 0 ? (here as number) : null;
}

/** The keys of a JSON Pointer (RFC 6901). */
const stepsOf = (pointer: string): string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
