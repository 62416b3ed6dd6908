import type { Token } from './tokens.ts';
import { currencies, leadIns, notOrdering, nounsToo, questionWords } from './words.ts';

/** Whether a word is a name of a currency, or holds its sign. */
export const isNamed = (code: string, token: Token): boolean =>
  (currencies[code] ?? []).some(
    (name) => token.lower === name || (name.length === 1 && token.word.includes(name)),
  );

/** Whether a word of a clause tells us to do something, rather than naming a thing or asking about it. */
export function isOrder(clause: readonly Token[], at: number, orders: ReadonlySet<string>): boolean {
  const word = clause[at]?.lower ?? '';
  if (!orders.has(word) || questionWords.has(clause[0]?.lower ?? '')) return false;
  const before = clause[at - 1];
  if (before && (before.possessive || notOrdering.has(before.lower))) return false;
  return !nounsToo.has(word) || clause.slice(0, at).every((token) => leadIns.has(token.lower));
}
