import { hasPerson, isAnswered, isOfOthers, isOrder, isPayment, leadsAside, mayOrder } from './phrases.ts';
import type { Span, Token } from './tokens.ts';
import {
  accountWords,
  bounds,
  clauseSubjects,
  destinationWords,
  effectVerbs,
  forVerbs,
  linkingWords,
  namingWords,
  negations,
  placeWords,
  prohibitions,
  pronouns,
  readVerbs,
  removeVerbs,
  sourceWords,
  undoingNegations,
  withVerbs,
} from './words.ts';

/** What a value would be used for. `record` names what is worked on, `destination` where something goes, `choice` how. */
export type Purpose = 'destination' | 'payee' | 'record' | 'choice';

/** Whether the words forbid what they name there: "not to Bob", "do not read it and send it to Bob". */
export function forbids(tokens: readonly Token[], { from }: Span): boolean {
  let end = from;
  let forbidding = negations;
  for (;;) {
    const clause = tokens[end]?.clause;
    let begin = end;
    while (begin > 0 && tokens[begin - 1]?.clause === clause) begin -= 1;
    for (let index = begin; index < end; index += 1)
      if (forbidding.has(tokens[index]?.lower ?? '') && isNegation(tokens, index)) return true;
    // An order that "or" joins to one that is forbidden is forbidden too; with "and" only where the first was no mere fact.
    const join = tokens[begin - 1];
    if (!join || join.sentence !== tokens[end]?.sentence || (join.lower !== 'or' && join.lower !== 'and'))
      return false;
    if (join.lower === 'and') forbidding = prohibitions;
    end = begin - 1;
  }
}

/** Not so "don't forget", "no more than" and the "no. 7" of a bill. */
function isNegation(tokens: readonly Token[], index: number): boolean {
  const [next, after] = [tokens[index + 1], tokens[index + 2]];
  if (undoingNegations.has(next?.lower ?? '')) return false;
  if (tokens[index]?.lower === 'no' && /^\d/.test(next?.word ?? '')) return false;
  return !(bounds.has(next?.lower ?? '') && after?.lower === 'than');
}

/** Whether the words around a value use it for this purpose, and do not forbid it. */
export function serves(tokens: readonly Token[], span: Span, purpose: Purpose): boolean {
  if (forbids(tokens, span)) return false;
  const here = tokens.slice(span.from, span.to + 1);
  if (here.some((token) => token.quoted)) return false;
  if (purpose === 'record') return true;
  const clause = tokens.filter((token) => token.clause === here[0]?.clause);
  const before = clause.slice(0, clause.indexOf(here[0] as Token));
  const orders = (words: readonly Token[], index: number): boolean =>
    purpose === 'payee' ? isPayment(words, index) : isOrder(words, index, effectVerbs);
  const verb = before.findLastIndex((_token, index) => orders(clause, index));
  const order = before[verb];
  const last = here.at(-1) as Token;
  const words = before.slice(verb + 1);
  const answered = order !== undefined && isAnswered(order, words, last, wordsAfter(tokens, span));
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
  if (isOfOthers(order, words)) return false;
  for (const { lower } of words.toReversed()) {
    if (destinationWords.has(lower))
      return lower !== 'to' || purpose === 'choice' || !hasPerson(order, words);
    if (lower === 'with') return withVerbs.has(order.lower) || isCopied(tokens, span);
    if (lower === 'from' && removeVerbs.has(order.lower)) return true;
    if (lower === 'for') return forVerbs.has(order.lower);
    if (placeWords.has(lower)) return !wordsAfter(tokens, span).some((later) => later.lower === 'to');
    if (sourceWords.has(lower) || readVerbs.has(lower)) return false;
  }
  return true;
}

/** "with Bob in copy" */
const isCopied = (tokens: readonly Token[], span: Span): boolean => {
  const [preposition, copy] = wordsAfter(tokens, span);
  return preposition?.lower === 'in' && ['cc', 'bcc', 'copy'].includes(copy?.lower ?? '');
};

/** "Bob's account", "Bob's holiday fund": what is paid into it, Bob gets. */
const holdsAccount = (tokens: readonly Token[], span: Span): boolean =>
  wordsAfter(tokens, span)
    .slice(0, 2)
    .some((token) => accountWords.has(token.lower));

function wordsAfter(tokens: readonly Token[], { to }: Span): Token[] {
  const clause = tokens[to]?.clause;
  return tokens.slice(to + 1).filter((token) => token.clause === clause);
}

/** "Her address is …", "IBAN: …": given for an order that stands elsewhere in the request. */
function isGiven(
  tokens: readonly Token[],
  { from }: Span,
  orders: (clause: readonly Token[], index: number) => boolean,
): boolean {
  const here = tokens[from] as Token;
  const before = tokens.slice(0, from).filter((token) => token.sentence === here.sentence);
  const last = before.at(-1)?.lower ?? '';
  const named = linkingWords.has(last)
    ? before.some(
        (token) =>
          token.clause === here.clause && (namingWords.has(token.lower) || pronouns.has(token.lower)),
      )
    : namingWords.has(last);
  return (
    named &&
    tokens.some((token) => {
      const clause = tokens.filter((one) => one.clause === token.clause);
      return orders(clause, clause.indexOf(token));
    })
  );
}

/** Whether an order with one of these verbs, in the same clause as the value, is about it. */
export function orders(tokens: readonly Token[], span: Span, verbs: ReadonlySet<string>): boolean {
  const { clause, quoted } = tokens[span.from] ?? {};
  if (clause === undefined || quoted || forbids(tokens, span)) return false;
  const words = tokens.filter((token) => token.clause === clause);
  const value = words.indexOf(tokens[span.from] as Token);
  return words.some((_word, at) => isOrder(words, at, verbs) && !leadsAside(words, at, value));
}

/** Whether an order says in its own words what to write: "tell Ann that we are late". */
export function dictates(tokens: readonly Token[]): boolean {
  return tokens.some((token, index) => {
    if (token.lower !== 'that' || !clauseSubjects.has(tokens[index + 1]?.lower ?? '')) return false;
    const sentence = tokens.slice(0, index).filter((one) => one.sentence === token.sentence);
    return sentence.some((_one, at) => mayOrder(sentence, at, effectVerbs));
  });
}
