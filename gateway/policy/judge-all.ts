import { noFacts, type Facts } from './facts.ts';
import { judge, type Judgement, type Rules } from './judge.ts';
import type { Sources } from './provenance/index.ts';
import { pendingOf, type Waiting } from './pending.ts';
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
  const ask = (index: number, question: Question, before: readonly Earlier[]): Promise<Judgement> => {
    const known = facts[index] ?? noFacts;
    const session = { ...known.session, ...pendingOf(withEarlier(known.waiting, question, before)) };
    return judge(rules, question, { ...known, session }, resultsFor(question));
  };
  const judgements = await Promise.all(questions.map((question, index) => ask(index, question, [])));
  const asked = new Map<string, Earlier[]>();
  for (const [index, question] of questions.entries()) {
    const { sessionKey, messageId } = question.run;
    const before = asked.get(sessionKey) ?? [];
    if (before.length > 0 && isAsk(judgements[index])) judgements[index] = await ask(index, question, before);
    const effect = judgements[index]?.verdict.effect;
    if (effect === 'confirm' || effect === 'approve')
      asked.set(sessionKey, [...before, { effect, messageId }]);
  }
  return judgements;
}

/** An ask of the same batch. */
interface Earlier {
  effect: 'confirm' | 'approve';
  messageId: string;
}

/** Only calls of one message can be put on one card. */
function withEarlier(waiting: Waiting, { run }: Question, before: readonly Earlier[]): Waiting {
  const { length: confirms } = before.filter(
    ({ effect, messageId }) => effect === 'confirm' && messageId === run.messageId,
  );
  return {
    asks: waiting.asks + before.length - confirms,
    confirms: waiting.confirms + confirms,
  };
}

const isAsk = (judgement: Judgement | undefined): boolean =>
  judgement?.verdict.effect === 'confirm' || judgement?.verdict.effect === 'approve';
