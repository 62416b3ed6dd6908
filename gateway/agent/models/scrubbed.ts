import { withoutKeys } from '../../policy/index.ts';
import { scrubber } from '../../egress/index.ts';
import type { Question, Turn } from './conversation.ts';

/**
 * Makes what gives a question of one conversation without what looks like a key, and without what must never leave, in any
 * spelling. The same text is always scrubbed alike, so that a question begins as the one before it did, and only once.
 * @param never texts such as canaries
 */
export function createScrub(never: readonly string[]): (question: Question) => Question {
  const clean = scrubber(never);
  const known = new Map<string, string>();
  const scrub = (text: string): string => {
    const done = known.get(text) ?? withoutKeys(clean(text));
    known.set(text, done);
    return done;
  };
  return (question) => ({
    ...question,
    turns: question.turns.map((turn): Turn => {
      if (turn.role !== 'assistant') return { ...turn, text: scrub(turn.text) };
      const calls = turn.calls.map((call) => ({ ...call, name: scrub(call.name), args: scrub(call.args) }));
      return { ...turn, text: scrub(turn.text), calls };
    }),
  });
}
