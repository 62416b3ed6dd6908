import { numberKey } from './numbers.ts';
import type { Token } from './tokens.ts';
import {
  afterNoun,
  asideWords,
  currencies,
  effectVerbs,
  giveVerbs,
  infinitiveLeads,
  leadIns,
  letterWords,
  lightVerbs,
  mailVerbs,
  modals,
  moneyWords,
  notOrdering,
  nounsToo,
  ordersOf,
  particles,
  partWords,
  paymentNouns,
  payVerbs,
  possessives,
  questionWords,
  readVerbs,
  replyVerbs,
  sendVerbs,
  speakers,
  tellVerbs,
  thingWords,
  timeWords,
  topicWords,
  wishes,
} from './words.ts';

/** Whether a word is a name of a currency, or holds its sign. */
export const isNamed = (code: string, token: Token): boolean =>
  (currencies[code] ?? []).some(
    (name) => token.lower === name || (name.length === 1 && token.word.includes(name)),
  );

/** Whether a word of a clause may tell somebody to do something, rather than name a thing or ask about it. */
export function mayOrder(clause: readonly Token[], at: number, orders: ReadonlySet<string>): boolean {
  const word = clause[at]?.lower ?? '';
  if (!orders.has(word) || questionWords.has(clause[0]?.lower ?? '')) return false;
  const before = clause[at - 1];
  if (before && (before.possessive || notOrdering.has(before.lower))) return false;
  return !nounsToo.has(word) || clause.slice(0, at).every((token) => leadIns.has(token.lower));
}

/** Whether it tells us: "could you pay", and not "Bob will pay", "I usually pay" or "remind me to pay". */
export const isOrder = (clause: readonly Token[], at: number, orders: ReadonlySet<string>): boolean =>
  mayOrder(clause, at, orders) && isAskedOfUs(clause.slice(0, at));

function isAskedOfUs(before: readonly Token[]): boolean {
  const words = before.map(({ lower }) => lower);
  const last = words.at(-1) ?? '';
  if (modals.has(last)) return words.at(-2) === 'you';
  // "Use the shared account to pay …".
  if (words.find((word) => !leadIns.has(word)) === 'use') return last === 'to';
  if (last === 'to' && !infinitiveLeads.has(words.at(-2) ?? '') && words.at(-3) !== 'help') return false;
  if (words.some((word) => speakers.has(word)) && !words.some((word) => wishes.has(word))) return false;
  return before.every((token) => leadIns.has(token.lower) || timeWords.has(token.lower) || isPlain(token));
}

/** A number of a time or a list, and what has no letters at all. */
const isPlain = ({ lower, quantity }: Token): boolean => quantity || !/\p{L}/u.test(lower);

const lets = new Set(['let', 'allow', 'permit']);
const ourselves = new Set(['me', 'us']);

/**
 * Whether a value in the clause of an order is not what the order is for: "book the one that is cheaper than AX 412", "take a
 * look at AX 412", "let me see AX 412". What somebody is let do is not aside: "let Bob see the plan".
 */
export function leadsAside(clause: readonly Token[], order: number, value: number): boolean {
  const lent = lets.has(clause[order]?.lower ?? '');
  if (lent && ourselves.has(clause[order + 1]?.lower ?? '')) return true;
  const ends = ordersOf['delete']?.has(clause[order]?.lower ?? '');
  return clause
    .slice(order + 1, value)
    .some(
      ({ lower }) =>
        asideWords.has(lower) || (!lent && readVerbs.has(lower)) || (ends && partWords.has(lower)),
    );
}

/** Whether what follows an order is done by somebody else: "ask Ann to mail Bob", "send it so that Ann can pay Bob". */
export const isOfOthers = (order: Token, words: readonly Token[]): boolean =>
  words.some(({ lower }, index) => {
    const before = words[index - 1];
    if (!effectVerbs.has(lower) || before?.possessive || notOrdering.has(before?.lower ?? '')) return false;
    return !nounsToo.has(lower) || (before?.lower === 'to' && tellVerbs.has(order.lower));
  });

const prepositions = new Set(['to', 'of', 'from', 'for', 'in', 'on', 'with', 'by', 'as']);
const things = new Set(['it', 'this', 'that', 'these', 'those']);

/**
 * Whether a person stands between an order and what is sent to them: "send Ann the list of payments to ACME". A "to" that
 * follows belongs to the thing.
 * @param between the words from the order to the value, without either
 */
export function hasPerson(order: Token, between: readonly Token[]): boolean {
  if (tellVerbs.has(order.lower)) return true;
  const words = particles.has(between[0]?.lower ?? '') ? between.slice(1) : between;
  const first = possessives.has(words[0]?.lower ?? '') ? 1 : 0;
  const thing = words.findIndex(
    ({ lower }, index) =>
      index >= first &&
      ((giveVerbs.has(order.lower) && thingWords.has(lower)) ||
        (mailVerbs.has(order.lower) &&
          (thingWords.has(lower) || topicWords.has(lower) || (lower === 'that' && first === 0)))),
  );
  const person = words.slice(first, thing);
  return (
    thing > first &&
    person.length <= 4 &&
    person.every(({ lower, possessive }) => !possessive && !prepositions.has(lower) && !things.has(lower))
  );
}

/** Whether an order is one to pay: "pay", "send Ann 20 EUR", "make a transfer of", and not "send Ann the bill". */
export function isPayment(clause: readonly Token[], at: number): boolean {
  const order = clause[at]?.lower ?? '';
  const words = clause.slice(at + 1, at + 9);
  if (sendVerbs.has(order) || handVerbs.has(order))
    return isOrder(clause, at, new Set([order])) && isOfMoney(words);
  if (isOrder(clause, at, payVerbs)) return true;
  if (!isOrder(clause, at, lightVerbs)) return false;
  const noun = words.findIndex(({ lower }) => paymentNouns.has(lower));
  const after = words[noun + 1];
  const plain = words.slice(0, noun).every(({ lower }) => !prepositions.has(lower));
  return noun >= 0 && plain && after !== undefined && (afterNoun.has(after.lower) || after.money);
}
const handVerbs = new Set(['give', 'lend']);

/** Whether what an order sends is money: the thing that comes before any "of", "to" or "for". */
function isOfMoney(words: readonly Token[]): boolean {
  const end = words.findIndex(({ lower }) => prepositions.has(lower));
  const thing = end < 0 ? words : words.slice(0, end);
  return thing.some(({ money, word, lower, dated }, index) => {
    const before = thing[index - 1];
    const apart = !before || thingWords.has(before.lower) || /^\p{Lu}/u.test(before.word);
    return money || moneyWords.has(lower) || (apart && !dated && numberKey(word) !== null);
  });
}

/**
 * Whether a value names who is answered: "reply to the last mail from Ann", "answer Ann's question".
 * @param words from the order to the value, without either
 * @param after the words behind it
 */
export function isAnswered(
  order: Token,
  words: readonly Token[],
  value: Token,
  after: readonly Token[],
): boolean {
  if (!replyVerbs.has(order.lower)) return false;
  const rest = words[0]?.lower === 'to' ? words.slice(1) : words;
  if (value.possessive) {
    const letter = after.findIndex(({ lower }) => letterWords.has(lower));
    return rest.length === 0 && letter >= 0 && letter <= 2;
  }
  const [letter, from] = rest.slice(-2);
  return (
    rest.length <= 6 &&
    letterWords.has(letter?.lower ?? '') &&
    from?.lower === 'from' &&
    rest
      .slice(0, -2)
      .every(({ lower }) => !['to', 'with', 'about', 'from', 'and', 'for', 'of'].includes(lower))
  );
}
