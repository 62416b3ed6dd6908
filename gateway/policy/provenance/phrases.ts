import type { Token } from './tokens.ts';
import { asideWords, currencies, leadIns, notOrdering, nounsToo, questionWords, readVerbs } from './words.ts';

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

const lets = new Set(['let', 'allow', 'permit']);
const ourselves = new Set(['me', 'us']);

/**
 * Whether a value in the clause of an order is not what the order is for: "book the one that is cheaper than AX 412", "take a
 * look at AX 412", "let me see AX 412". What somebody is let do is not aside: "let Bob see the plan".
 */
export function leadsAside(clause: readonly Token[], order: number, value: number): boolean {
  const lent = lets.has(clause[order]?.lower ?? '');
  if (lent && ourselves.has(clause[order + 1]?.lower ?? '')) return true;
  return clause
    .slice(order + 1, value)
    .some(({ lower }) => asideWords.has(lower) || (!lent && readVerbs.has(lower)));
}
