import { recordReceipts } from '../../audit/index.ts';
import type { Transaction } from '../../db/index.ts';
import { digest } from '../../envelope/index.ts';
import { findAnswer, keepAnswer } from '../journal/index.ts';
import type { Model } from '../models/index.ts';
import type { NewStep } from '../types.ts';
import { nextNumber, unlessMoreHeard, write, type Held } from './held.ts';
import type { Asking } from './paid.ts';
import type { View } from './view.ts';

/** Somebody who asks again for a draft wants another one. */
const neverKnown = 'draft';

/**
 * What an answer is found by: the whole question, with its prompt, its material and its model; the class of its data; what must
 * never leave; and whose it is. The material alone is its person's in any conversation, all else is of one conversation, and only what is public is
 * everybody's.
 * @returns null where an answer must not serve again
 */
function keyOf(held: Held, model: Model, dataClass: string): string | null {
  const { run, fence, offer } = held;
  const { opening, request, task } = run;
  if (offer.tools.length > 0 || task === neverKnown) return null;
  return keyFor(
    held,
    model,
    dataClass,
    ['answer', request.bare ? null : run.sessionKey],
    [...[opening.prompt.digest, opening.system, fence.unmarked(opening.user), request.schema]],
  );
}

/** What a summary is found by: its material is its person's in any conversation. @param parts its prompt and its material */
export const summaryKey = (held: Held, model: Model, dataClass: string, parts: unknown[]): string | null =>
  keyFor(held, model, dataClass, ['summary', null], parts);

function keyFor(
  { run: { principal }, file: { never } }: Held,
  model: Model,
  dataClass: string,
  [kind, of]: [kind: string, of: string | null],
  parts: unknown[],
): string | null {
  if (principal === null && dataClass !== 'public') return null;
  const whose = dataClass === 'public' ? [] : [principal, of];
  // An answer from before a canary was set could hold it.
  return digest([kind, whose, dataClass, model.name, model.model ?? null, model.at.url, never, ...parts]);
}

/**
 * Answers the first question of a run as it was answered before, without asking the model.
 * @returns whether it was
 * @throws MovedOn
 */
export async function answerAsBefore(held: Held, model: Model, asking: Asking): Promise<boolean> {
  if (held.steps.length + held.results.length > 0) return false;
  return answerFrom(held, model, asking, keyOf(held, model, asking.dataClass));
}

/**
 * Answers a question with what is found by a key.
 * @param more facts of both its steps
 * @returns whether anything was
 * @throws MovedOn
 */
export async function answerFrom(
  held: Held,
  model: Model,
  { dataClass, digest: prompt }: Asking,
  key: string | null,
  more: NewStep['facts'] = {},
): Promise<boolean> {
  const { deps, run } = held;
  const known = key === null ? null : await findAnswer(deps.pool, key);
  if (!known) return false;
  const from = `${known.run}:${known.step}`;
  const step = nextNumber(held);
  const saved = { savedIn: known.tokensIn, savedOut: known.tokensOut, savedCost: known.cost };
  const content = { text: known.text, calls: [] };
  const nothing = { model: model.name, tokensIn: 0, tokensOut: 0, cost: 0 };
  const facts = { dataClass, cached: from, ...more };
  await write(
    held,
    [
      { kind: 'prompt', digest: prompt, model: model.name, facts },
      {
        ...{ kind: 'answer', digest: digest(content), content, ...nothing },
        facts: { finish: 'stop', cached: from, ...saved, ...more },
      },
    ],
    {
      live: true,
      with(tx) {
        unlessMoreHeard(tx, held);
        recordReceipts(tx, [
          {
            kind: 'agent.model',
            messageId: run.messageId,
            facts: { agentRun: run.id, step, model: model.name, prompt, ...facts, ...saved },
          },
        ]);
      },
    },
  );
  return true;
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
