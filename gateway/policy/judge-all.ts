import { noFacts, type Facts } from './facts.ts';
import { judge, type Judgement, type Rules } from './judge.ts';
import type { Sources } from './provenance/index.ts';
import type { Question } from './question.ts';

/**
 * Judges the calls of one batch together. The facts were read before any of them was stored, so that an ask of the batch
 * counts for the later calls of its session as one that waits: a burst cannot ask more often than calls one by one.
 * @param facts one entry a question
 * @param resultsFor how to read what tools returned earlier in a question's session
 */
export async function judgeAll(
  rules: Rules,
  questions: readonly Question[],
  facts: readonly Facts[],
  resultsFor: (question: Question) => Sources['results'],
): Promise<Judgement[]> {
  const ask = (index: number, question: Question, askedBefore: number): Promise<Judgement> => {
    const known = facts[index] ?? noFacts;
    const session = { ...known.session, pendingAsks: known.session.pendingAsks + askedBefore };
    return judge(rules, question, { ...known, session }, resultsFor(question));
  };
  const judgements = await Promise.all(questions.map((question, index) => ask(index, question, 0)));
  const asked = new Map<string, number>();
  for (const [index, question] of questions.entries()) {
    const { sessionKey } = question.run;
    const before = asked.get(sessionKey) ?? 0;
    if (before > 0 && isAsk(judgements[index])) judgements[index] = await ask(index, question, before);
    if (isAsk(judgements[index])) asked.set(sessionKey, before + 1);
  }
  return judgements;
}

const isAsk = (judgement: Judgement | undefined): boolean =>
  judgement?.verdict.effect === 'confirm' || judgement?.verdict.effect === 'approve';
