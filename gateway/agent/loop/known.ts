import { recordReceipts } from '../../audit/index.ts';
import type { Transaction } from '../../db/index.ts';
import { digest } from '../../envelope/index.ts';
import { findAnswer, keepAnswer } from '../journal/index.ts';
import type { Model } from '../models/index.ts';
import { nextNumber, write, type Held } from './held.ts';
import type { View } from './view.ts';

/** Somebody who asks again for a draft wants another one. */
const neverKnown = 'draft';

/**
 * What an answer is found by: the whole question, with its prompt, its material and its model; the class of its data; and whose
 * it is. The material alone is its person's in any conversation, all else is of one conversation, and only what is public is
 * everybody's.
 * @returns null where an answer must not serve again
 */
function keyOf({ run, fence, offer }: Held, model: Model, dataClass: string): string | null {
  const { opening, request, principal, sessionKey, task } = run;
  if (offer.tools.length > 0 || task === neverKnown) return null;
  if (principal === null && dataClass !== 'public') return null;
  const whose = dataClass === 'public' ? [] : [principal, request.bare ? null : sessionKey];
  return digest([
    ...['answer', whose, dataClass, model.name, model.model ?? null, model.at.url],
    ...[opening.prompt.digest, opening.system, fence.unmarked(opening.user), request.schema],
  ]);
}

/**
 * Answers the first question of a run as it was answered before, without asking the model.
 * @returns whether it was
 * @throws MovedOn
 */
export async function answerAsBefore(held: Held, model: Model, asking: Asking): Promise<boolean> {
  const { deps, run, steps, results } = held;
  if (steps.length + results.length > 0) return false;
  const { dataClass, digest: prompt } = asking;
  const key = keyOf(held, model, dataClass);
  const known = key === null ? null : await findAnswer(deps.pool, key);
  if (!known) return false;
  const from = `${known.run}:${known.step}`;
  const step = nextNumber(held);
  const saved = { savedIn: known.tokensIn, savedOut: known.tokensOut, savedCost: known.cost };
  const content = { text: known.text, calls: [] };
  const nothing = { model: model.name, tokensIn: 0, tokensOut: 0, cost: 0 };
  await write(
    held,
    [
      { kind: 'prompt', digest: prompt, model: model.name, facts: { dataClass, cached: from } },
      {
        ...{ kind: 'answer', digest: digest(content), content, ...nothing },
        facts: { finish: 'stop', cached: from, ...saved },
      },
    ],
    {
      live: true,
      with: (tx) =>
        void recordReceipts(tx, [
          {
            kind: 'agent.model',
            messageId: run.messageId,
            facts: { agentRun: run.id, step, model: model.name, dataClass, prompt, cached: from, ...saved },
          },
        ]),
    },
  );
  return true;
}

interface Asking {
  dataClass: string;
  /** Of the prompt. */
  digest: string;
}

/** @returns keeps that this run answered its question, with its end; null for a run whose answer must not serve again */
export function keptAnswer(held: Held, view: View): ((tx: Transaction) => void) | null {
  const { run, steps, deps } = held;
  const answer = steps.findLast(({ kind }) => kind === 'answer');
  const asked = steps.findLast(({ kind }) => kind === 'prompt');
  const model = deps.models.of(run.task).find(({ name }) => name === answer?.model);
  // What a person said meanwhile is no part of the question that it is found by.
  if (!answer || !asked || !model || view.steered || answer.facts.cached !== undefined) return null;
  const key = keyOf(held, model, String(asked.facts.dataClass));
  return key === null ? null : (tx) => keepAnswer(tx, key, run.id, answer.number);
}
