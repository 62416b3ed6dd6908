import { withoutKeys } from '../../policy/index.ts';
import { scrubber } from '../../egress/index.ts';
import type { Question, Turn } from './conversation.ts';

/**
 * A question without what looks like a key, and without what must never leave, in any spelling. The same text is always scrubbed
 * alike, so that a question begins as the one before it did.
 * @param never texts such as canaries
 */
export function scrubbed(question: Question, never: readonly string[]): Question {
  const clean = scrubber(never);
  const scrub = (text: string): string => withoutKeys(clean(text));
  const turns = question.turns.map((turn): Turn => {
    if (turn.role !== 'assistant') return { ...turn, text: scrub(turn.text) };
    const calls = turn.calls.map((call) => ({ ...call, name: scrub(call.name), args: scrub(call.args) }));
    return { ...turn, text: scrub(turn.text), calls };
  });
  return { ...question, turns };
}
