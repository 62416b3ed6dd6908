import type { ArgumentKind, Tool } from '../catalogue/index.ts';
import { digestOfText } from '../envelope/index.ts';

type Args = Record<string, unknown>;

/** A value that decides where a call goes. */
interface Destination {
  argument: string;
  /** Names the value to the table of destinations without showing it. */
  digest: string;
}

/** Where a call goes: every value among its arguments that redirects. */
export function destinationsOf(tool: Tool, args: Args): Destination[] {
  return leavesOf(tool, args, ['redirects']).map(({ argument, value }) => ({
    argument,
    digest: digestOfText(JSON.stringify([argument, value.normalize('NFC')])),
  }));
}

/** How many recipients a call has. A text with several addresses counts as several; too many is counted rather than too few. */
export function countRecipients(tool: Tool, args: Args): number {
  return leavesOf(tool, args, ['redirects'])
    .map(({ value }) => Math.max(1, value.split('@').length - 1))
    .reduce((sum, count) => sum + count, 0);
}

/**
 * Whether two calls of one tool aim at the same: in each argument that aims, they share a value, however it is written.
 * Calls of a tool without such arguments are all alike.
 */
export function sameTarget(tool: Tool, one: Args, other: Args): boolean {
  const [first, second] = [targets(tool, one), targets(tool, other)];
  for (const [argument, values] of first) {
    const others = second.get(argument);
    if (others && !values.some((value) => others.includes(value))) return false;
  }
  return true;
}

function targets(tool: Tool, args: Args): Map<string, string[]> {
  const leaves = leavesOf(tool, args, ['redirects', 'selects']);
  const found = Map.groupBy(leaves, ({ argument }) => argument);
  return new Map(
    [...found].map(([argument, list]) => [
      argument,
      list.map(({ value }) => value.normalize('NFKC').trim().toLowerCase()),
    ]),
  );
}

/** A choice that the catalogue lists, such as a method, is nobody's address. */
const isChoice = (tool: Tool, argument: string): boolean => {
  const schema = tool.args.properties[argument] ?? {};
  return Object.hasOwn(schema, 'enum') || Object.hasOwn(schema, 'const');
};

function leavesOf(
  tool: Tool,
  args: Args,
  kinds: readonly ArgumentKind[],
): { argument: string; value: string }[] {
  return Object.entries(tool.kinds)
    .filter(([argument, kind]) => kinds.includes(kind) && !isChoice(tool, argument))
    .flatMap(([argument]) =>
      Object.hasOwn(args, argument) ? [...textsOf(args[argument])].map((value) => ({ argument, value })) : [],
    );
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) yield* textsOf(inner);
  else if (value !== null && value !== undefined) yield JSON.stringify(value);
}
