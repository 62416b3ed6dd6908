import type { FoundFault } from './faults.ts';
import { atPointer, pointerSteps } from './pointer.ts';
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
  for (const key of pointerSteps(tool.tokens.most)) {
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
  const count = atPointer(value, pointer);
  return Number.isSafeInteger(count) && (count as number) > 0 ? (count as number) : null;
}
