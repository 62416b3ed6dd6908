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

/** Whether a call stays with the person who asks: its recipients are all that its tool reaches, and it names none. */
export const reachesNobody = (tool: Tool, args: Args): boolean =>
  tool.reaches !== undefined &&
  leavesOf(tool, args, ['redirects']).length === 0 &&
  tool.reaches.every((name) => textsOf(args[name]).length === 0);

/** Whether the tool's file says how such a call is taken back. */
export const isUndoable = ({ undo }: Tool, args: Args): boolean =>
  undo !== undefined &&
  Object.entries(undo.unless).every(([name, values]) =>
    textsOf(args[name]).every((value) => !values.includes(value)),
  );

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
  const leaves: { argument: string; value: string }[] = [];
  for (const [argument, value] of Object.entries(args)) {
    const kind = tool.kinds[argument];
    if (kind === undefined || !kinds.includes(kind) || isChoice(tool, argument)) continue;
    for (const text of textsOf(value)) leaves.push({ argument, value: text });
  }
  return leaves;
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || value === undefined) return [];
  return typeof value === 'object' ? Object.values(value).flatMap(textsOf) : [JSON.stringify(value)];
}
