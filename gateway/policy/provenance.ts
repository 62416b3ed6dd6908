import type { Tool } from '../catalogue/index.ts';
import { toCents } from './money.ts';
import type { Origin, RunContext } from './types.ts';

const known = new Set(['owner', 'member', 'paired']);

/**
 * Finds where each argument came from. `user` is a whole word of the command that this call's actor typed, compared
 * exactly after NFC; an amount may differ in how its decimals are written. A word vouches for one value only, so
 * that digits of an amount never become a record's number. Nothing in a call can claim an origin.
 * @param tool its catalogue entry, whose constants vouch for themselves
 * @param args checked arguments
 * @param cents hundredths of the amount among them, where there is one
 */
export function provenanceOf(
  run: RunContext,
  tool: Tool,
  args: Record<string, unknown>,
  cents: number | null,
): Record<string, Origin> {
  const words = ownWords(run);
  const amount = tool.money?.amount;
  const originOf = (name: string, value: unknown): Origin => {
    if (typeof value === 'string' && Object.hasOwn(tool.constants, name) && tool.constants[name] === value)
      return 'constant';
    return take(words, value, name === amount ? cents : null) ? 'user' : 'unknown';
  };
  const origins: Record<string, Origin> = {};
  // The amount takes its word first: it is the only value whose match is not letter by letter.
  if (amount !== undefined && Object.hasOwn(args, amount)) origins[amount] = originOf(amount, args[amount]);
  for (const name of Object.keys(args)) if (name !== amount) origins[name] = originOf(name, args[name]);
  return origins;
}

function ownWords(run: RunContext): string[] {
  const typed = run.principal !== null && run.ingress !== 'none' && known.has(run.actor.standing);
  return typed && run.command ? run.command.words.map((word) => word.normalize('NFC')) : [];
}

function take(words: string[], value: unknown, cents: number | null): boolean {
  if (typeof value !== 'string' || words.length === 0) return false;
  const wanted = value.normalize('NFC');
  let index = words.indexOf(wanted);
  if (index === -1 && cents !== null) index = words.findIndex((word) => toCents(word) === cents);
  if (index === -1) return false;
  words.splice(index, 1);
  return true;
}
