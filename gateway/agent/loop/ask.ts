import { beginning, callId } from './begin.ts';
import type { Held } from './held.ts';
import { answerAsBefore } from './known.ts';
import { askPaid, type Asked } from './paid.ts';
import { turnsToSend } from './summary.ts';
import type { View } from './view.ts';

/**
 * Asks a model what comes next in the conversation, and begins the calls that it answers with.
 * @throws MovedOn
 */
export function askModel(held: Held, view: View): Promise<Asked> {
  const { run, offer, fence } = held;
  const { task, request } = run;
  const whole = { turns: turnsToSend(view, fence), tools: offer.tools, schema: request.schema };
  const question = held.scrub(whole);
  return askPaid(held, {
    ...{ task, modelClass: request.modelClass, question },
    // The tools are the same at each step, and long.
    text: `${offer.text}${JSON.stringify(question.turns)}`,
    before: (model, asking) => answerAsBefore(held, model, asking),
    reads: ({ text, calls, finish }, number) => ({
      content: { text, calls },
      facts: { finish },
      begins: beginning(
        offer,
        calls.map((call, index) => ({ ...call, id: callId(number, index) })),
      ),
    }),
  });
}
