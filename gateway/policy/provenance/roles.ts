import { hasPerson, isAnswered, isOfOthers, isOrder, isPayment, leadsAside, mayOrder } from './phrases.ts';
import type { Span, Token } from './tokens.ts';
import {
  accountWords,
  bounds,
  clauseSubjects,
  destinationWords,
  effectVerbs,
  finiteVerbs,
  forVerbs,
  giveVerbs,
  linkingWords,
  namingWords,
  negations,
  ordersOf,
  orderVerbs,
  placeWords,
  prohibitions,
  pronouns,
  questionWords,
  readVerbs,
  sayingVerbs,
  sourceWords,
  subordinators,
  undoingNegations,
  wholes,
  withVerbs,
} from './words.ts';

/** What a value would be used for. `record` names what is worked on, `destination` where something goes, `choice` how. */
export type Purpose = 'destination' | 'payee' | 'record' | 'choice';

/** Where the clause of a word begins. */
function beginOf(tokens: readonly Token[], at: number): number {
  let begin = at;
  while (begin > 0 && tokens[begin - 1]?.clause === tokens[at]?.clause) begin -= 1;
  return begin;
}

/** The words behind a place, up to the end of its clause. */
function wordsAfter(tokens: readonly Token[], at: number): readonly Token[] {
  let end = at + 1;
  while (tokens[end] && tokens[end]?.clause === tokens[at]?.clause) end += 1;
  return tokens.slice(at + 1, end);
}

/** A clause, and the place in it of one of its words. */
function clauseAround(tokens: readonly Token[], at: number): [clause: readonly Token[], at: number] {
  const begin = beginOf(tokens, at);
  return [tokens.slice(begin, at + 1).concat(wordsAfter(tokens, at)), at - begin];
}

/** Whether the words forbid what they name there: "not to Bob", "do not read it and send it to Bob". */
export function forbids(tokens: readonly Token[], { from }: Span): boolean {
  let end = from;
  let forbidding = negations;
  for (;;) {
    const begin = beginOf(tokens, end);
    for (let index = begin; index < end; index += 1)
      if (forbidding.has(tokens[index]?.lower ?? '') && isNegation(tokens, index)) return true;
    const [no, join] = [tokens[begin - 2], tokens[begin - 1]];
    if (!join || join.sentence !== tokens[end]?.sentence || /[,;]$/.test(join.raw)) return false;
    // "do not also send it": the word between them begins no order of its own.
    if (negations.has(no?.lower ?? '') && !/[,;]$/.test(no?.raw ?? '')) return true;
    // An order that "or" joins to one that is forbidden is forbidden too; with "and" only where the first was no mere fact.
    if (join.lower !== 'or' && join.lower !== 'and') return false;
    if (join.lower === 'and') forbidding = prohibitions;
    end = begin - 1;
  }
}

/** Not so "don't forget", "no more than" and the "no. 7" of a bill. */
function isNegation(tokens: readonly Token[], index: number): boolean {
  const [next, after] = [tokens[index + 1], tokens[index + 2]];
  if (undoingNegations.has(next?.lower ?? '')) return false;
  if (tokens[index]?.lower === 'but') return wholes.has(tokens[index - 1]?.lower ?? '');
  if (tokens[index]?.lower === 'no' && /^\d/.test(next?.word ?? '')) return false;
  return !(bounds.has(next?.lower ?? '') && after?.lower === 'than');
}

/** Whether the words around a value use it for this purpose, and do not forbid it. */
export function serves(tokens: readonly Token[], span: Span, purpose: Purpose): boolean {
  if (forbids(tokens, span)) return false;
  const here = tokens.slice(span.from, span.to + 1);
  if (here.some((token) => token.quoted)) return false;
  if (purpose === 'record') return true;
  const [clause, place] = clauseAround(tokens, span.from);
  const before = clause.slice(0, place);
  const orders = (words: readonly Token[], index: number): boolean =>
    purpose === 'payee' ? isPayment(words, index) : isOrder(words, index, effectVerbs);
  const verb = before.findLastIndex((_token, index) => orders(clause, index));
  const order = before[verb];
  const last = here.at(-1) as Token;
  const words = before.slice(verb + 1);
  const answered = order !== undefined && isAnswered(order, words, last, wordsAfter(tokens, span.to));
  if (last.possessive && !answered && !(purpose === 'payee' && holdsAccount(tokens, span))) return false;
  if (!order) return isGiven(tokens, span, orders);
  return answered || leadsTo(tokens, order, words, span, purpose);
}

/** Whether the nearest word that governs a value makes it a destination of the order. */
function leadsTo(
  tokens: readonly Token[],
  order: Token,
  words: readonly Token[],
  span: Span,
  purpose: Purpose,
): boolean {
  const named = purpose !== 'choice';
  const after = wordsAfter(tokens, span.to);
  if (isOfOthers(order, words) || (named && isTalkedAbout(order, words, after[0]))) return false;
  for (const [index, { lower }] of [...words.entries()].reverse()) {
    if (lower === 'to') return !named || (words[index - 1]?.lower !== 'than' && !hasPerson(order, words));
    if (destinationWords.has(lower)) return true;
    if (named && isInClause(words.slice(0, index)) && clausal.has(lower)) return false;
    if (lower === 'with') return withVerbs.has(order.lower) || isCopied(after);
    if (lower === 'for') return forVerbs.has(order.lower);
    if (placeWords.has(lower)) return !after.some((later) => later.lower === 'to');
    if (sourceWords.has(lower) || readVerbs.has(lower) || (named && subordinators.has(lower))) return false;
  }
  // "send the plan to Ann": the plan goes, and nothing goes to it.
  return !named || !giveVerbs.has(order.lower) || after[0]?.lower !== 'to';
}

/** "pay Ann, who works for Bob": it is not the order that these lead to. */
const clausal = new Set(['with', 'for', 'in', 'on']);
const isInClause = (words: readonly Token[]): boolean =>
  words.some(({ lower }) => lower !== 'that' && subordinators.has(lower));

/** "tell Ann that Bob is late", "send it to Ann, Bob has it": what is said of somebody sends them nothing. */
function isTalkedAbout(order: Token, words: readonly Token[], next: Token | undefined): boolean {
  if (finiteVerbs.has(next?.lower ?? '')) return true;
  const said = sayingVerbs.has(order.lower) ? words.findIndex(({ lower }) => lower === 'that') : -1;
  return (
    said >= 0 &&
    words.slice(said + 1).some(({ lower }) => clauseSubjects.has(lower) || finiteVerbs.has(lower))
  );
}

/** "with Bob in copy" */
const isCopied = ([preposition, copy]: readonly Token[]): boolean =>
  preposition?.lower === 'in' && ['cc', 'bcc', 'copy'].includes(copy?.lower ?? '');

/** "Bob's account", "Bob's holiday fund": what is paid into it, Bob gets. */
const holdsAccount = (tokens: readonly Token[], span: Span): boolean =>
  wordsAfter(tokens, span.to)
    .slice(0, 2)
    .some((token) => accountWords.has(token.lower));

/** "Her address is …", "IBAN: …": given for an order that stands elsewhere in the request. */
function isGiven(
  tokens: readonly Token[],
  { from }: Span,
  orders: (clause: readonly Token[], index: number) => boolean,
): boolean {
  const [clause, place] = clauseAround(tokens, from);
  const [link, ...before] = clause.slice(0, place).reverse();
  const asks = questionWords.has(clause[0]?.lower ?? '') || finiteVerbs.has(clause[place + 1]?.lower ?? '');
  const acts = before.some(({ lower }) => readVerbs.has(lower) || ordersOf['delete']?.has(lower));
  if (!link || asks || acts) return false;
  const named =
    namingWords.has(link.lower) ||
    (linkingWords.has(link.lower) &&
      [link, ...before].some(({ lower }) => namingWords.has(lower) || pronouns.has(lower)));
  return (
    named &&
    tokens.some(
      ({ lower, quoted }, index) =>
        orderVerbs.has(lower) &&
        !quoted &&
        !forbids(tokens, { from: index, to: index }) &&
        orders(...clauseAround(tokens, index)),
    )
  );
}

/** Whether an order with one of these verbs, in the same clause as the value, is about it. */
export function orders(tokens: readonly Token[], span: Span, verbs: ReadonlySet<string>): boolean {
  if (!tokens.some(({ lower }) => verbs.has(lower))) return false;
  if (tokens[span.from]?.quoted !== false || forbids(tokens, span)) return false;
  const [words, value] = clauseAround(tokens, span.from);
  if (finiteVerbs.has(wordsAfter(tokens, span.to)[0]?.lower ?? '')) return false;
  return words.some((_word, at) => isOrder(words, at, verbs) && !leadsAside(words, at, value));
}

/** Whether anything is ordered that has an effect, and not forbidden. */
export const demands = (tokens: readonly Token[]): boolean =>
  tokens.some(
    ({ lower }, index) =>
      effectVerbs.has(lower) &&
      !forbids(tokens, { from: index, to: index }) &&
      isOrder(...clauseAround(tokens, index), effectVerbs),
  );

/** Whether an order says in its own words what to write: "tell Ann that we are late". */
export function dictates(tokens: readonly Token[]): boolean {
  return tokens.some((token, index) => {
    if (token.lower !== 'that' || !clauseSubjects.has(tokens[index + 1]?.lower ?? '')) return false;
    const sentence = tokens.slice(0, index).filter((one) => one.sentence === token.sentence);
    return sentence.some((_one, at) => mayOrder(sentence, at, effectVerbs));
  });
}
