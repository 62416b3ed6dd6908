import { recordReceipts } from '../../audit/index.ts';
import { digestOfText } from '../../envelope/index.ts';
import { exceededBudget, release, reserve, settleUsed } from '../../policy/index.ts';
import type { Lease } from '../../vault/index.ts';
import { chargesFor, shortInWords } from '../budgets.ts';
import {
  ask,
  choose,
  costOf,
  estimateTokens,
  highestOf,
  languageOf,
  ModelFailed,
  scrubbed,
  targetOf,
  type Answer,
  type Choice,
  type Model,
  type PassedOver,
  type Question,
} from '../models/index.ts';
import { storable } from '../text.ts';
import type { NewStep } from '../types.ts';
import { beginning, callId } from './begin.ts';
import { nextNumber, write, type Held } from './held.ts';
import { answerAsBefore } from './known.ts';
import type { View } from './view.ts';

/** What became of one question. */
export type Asked =
  | { kind: 'answered' }
  /** No model answers now. */
  | { kind: 'away' }
  /** None of the task's models may be asked this. */
  | { kind: 'unfit'; passed: PassedOver[] }
  | { kind: 'spent'; text: string };

/**
 * Asks the first model that may be asked and answers. The question is journaled, and its cost reserved, before it is sent; its
 * answer is journaled, and its cost settled, before anything follows from it.
 * @throws MovedOn
 */
export async function askModel(held: Held, view: View): Promise<Asked> {
  const { deps, run, file, offer, breakers } = held;
  const question = scrubbed(
    { turns: view.turns, tools: offer.tools, schema: run.request.schema },
    file.never,
  );
  // The tools are the same at each step, and long.
  const text = `${offer.text}${JSON.stringify(question.turns)}`;
  const tokens = estimateTokens(text);
  const dataClass = highestOf([file.messages, ...(await deps.policy.classesRead(deps.pool, run.sessionKey))]);
  const language = languageOf(run.opening.user);
  const need = { modelClass: run.request.modelClass, dataClass, tokens, language };
  const choice = choose(deps.models.of(run.task), need, (model) => breakers.isResting(model));
  const asking = { question, tokens, dataClass, digest: digestOfText(text) };
  const passed = [...choice.passed];
  let spent: string | null = null;
  for (const model of choice.models) {
    if (await answerAsBefore(held, model, asking)) return { kind: 'answered' };
    const begun = await begin(held, model, { ...asking, passed });
    if ('spent' in begun) {
      spent = begun.spent;
      passed.push({ model: model.name, why: 'budget' });
      continue;
    }
    if (await answered(held, model, question, begun)) return { kind: 'answered' };
    passed.push({ model: model.name, why: 'failed' });
    if (held.signal.aborted) return { kind: 'away' };
  }
  if (passed.some(({ why }) => why === 'failed' || why === 'resting')) return { kind: 'away' };
  return spent === null ? { kind: 'unfit', passed } : { kind: 'spent', text: spent };
}

interface Begun {
  number: number;
  reservation: string;
  lease: Lease | null;
}

async function begin(
  held: Held,
  model: Model,
  asking: { tokens: number; dataClass: string; digest: string; passed: Choice['passed'] },
): Promise<Begun | { spent: string }> {
  const { deps, run, file } = held;
  const { tokens, dataClass, digest } = asking;
  const charges = chargesFor(file, run, {
    steps: 1,
    tokens: tokens + model.output,
    spend: costOf(model, tokens, model.output),
    seconds: 1,
  });
  const number = nextNumber(held);
  const reservation = `agent:${run.id}:${number}`;
  const passed = asking.passed.map(({ model: name, why }) => `${name}:${why}`);
  const facts = { dataClass, endpoint: model.endpoint, passed, estimated: tokens };
  let lease: Lease | null = null;
  try {
    await write(held, [{ kind: 'prompt', digest, model: model.name, facts }], {
      live: true,
      use: { steps: 1 },
      with(tx) {
        reserve(tx, reservation, charges);
        recordReceipts(tx, [
          {
            kind: 'agent.model',
            messageId: run.messageId,
            facts: { agentRun: run.id, step: number, model: model.name, ...facts, prompt: digest },
          },
        ]);
        if (model.at.secret !== undefined)
          lease = deps.leases.open(tx, {
            attemptId: reservation,
            messageId: run.messageId,
            secret: model.at.secret,
            target: targetOf(model),
          });
      },
    });
  } catch (error) {
    if (!exceededBudget(error)) throw error;
    const short = await shortInWords(deps.pool, charges, file.currency);
    return { spent: short ?? 'A budget of the agent has not enough left.' };
  }
  return { number, reservation, lease };
}

/** @returns whether there is an answer, which is journaled then */
async function answered(held: Held, model: Model, question: Question, begun: Begun): Promise<boolean> {
  const { deps, run } = held;
  const { reservation, lease } = begun;
  const since = performance.now();
  let answer: Answer | null = null;
  let unpaid = false;
  try {
    answer = await held.breakers.guard(model, () => lent(held, model, question, lease));
  } catch (error) {
    unpaid = !(error instanceof ModelFailed) || error.unpaid;
    // Its text could quote what was sent; the fault says enough.
    const fault = error instanceof ModelFailed ? error.fault : 'key';
    deps.log.warn({ agentRun: run.id, model: model.name, fault }, 'a model did not answer');
  }
  const ms = performance.now() - since;
  if (answer === null) {
    await write(held, [], {
      use: { ms },
      with(tx) {
        // What may have been worked on stays taken: nobody knows what it cost.
        if (unpaid) release(tx, reservation);
        if (lease !== null) deps.leases.end(tx, lease);
      },
    });
    return false;
  }
  await keep(held, model, begun, { ...answer, ms });
  return true;
}

/** Journals an answer, settles what it cost, and begins the calls that it asks for where their budgets have enough left. */
async function keep(
  held: Held,
  model: Model,
  { number, reservation, lease }: Begun,
  { ms, ...answer }: Answer & { ms: number },
): Promise<void> {
  const { deps, run, file, offer } = held;
  const { finish, tokensIn, tokensOut } = answer;
  const calls = answer.calls.map(({ name, args }) => ({ name: storable(name), args: storable(args) }));
  const cost = costOf(model, tokensIn, tokensOut);
  const content = { text: storable(answer.text), calls };
  const digest = digestOfText(JSON.stringify(content));
  const step: NewStep = {
    ...{ kind: 'answer', digest, content, facts: { finish }, model: model.name, tokensIn, tokensOut, cost },
  };
  const steps = beginning(
    offer,
    calls.map((call, index) => ({ ...call, id: callId(number, index) })),
  );
  const writeIt = (begins: readonly NewStep[]): Promise<void> =>
    write(held, [step, ...begins], {
      use: { tokensIn, tokensOut, cost, ms, calls: begins.length },
      with(tx) {
        settleUsed(tx, reservation, 'agent.tokens', Math.max(1, tokensIn + tokensOut));
        settleUsed(tx, reservation, 'agent.spend', Math.max(1, cost));
        settleUsed(tx, reservation, 'agent.seconds', Math.max(1, Math.ceil(ms / 1000)));
        reserve(tx, reservation, chargesFor(file, run, { calls: begins.length }));
        if (lease !== null) deps.leases.end(tx, lease);
      },
    });
  try {
    await writeIt(steps);
  } catch (error) {
    // The answer is paid, so it is kept in any case; its calls find out by themselves that they may not begin.
    if (!exceededBudget(error)) throw error;
    await writeIt([]);
  }
}

/** Asks with the key on loan, and gives it back however that ends. */
async function lent(held: Held, model: Model, question: Question, lease: Lease | null): Promise<Answer> {
  const { deps, signal } = held;
  const borrowed = lease && (await deps.leases.lend(lease, targetOf(model)));
  try {
    return await ask(deps.egress, model, question, { key: borrowed?.value, signal });
  } finally {
    await borrowed?.giveBack();
  }
}
