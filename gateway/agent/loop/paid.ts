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
  lackOf,
  languageOf,
  ModelFailed,
  stillLacks,
  targetOf,
  type Answer,
  type Lack,
  type Model,
  type PassedOver,
  type Question,
  type Task,
} from '../models/index.ts';
import { storable } from '../text.ts';
import type { NewStep } from '../types.ts';
import { classesHeard, nextNumber, unlessMoreHeard, write, type Held } from './held.ts';

/** A question that is paid for, whatever it is asked for. */
export interface Paid {
  task: Task;
  modelClass: string | null;
  /** As it is sent: scrubbed. */
  question: Question;
  /** The question as one text: what is counted and digested. */
  text: string;
  /** Of both its steps, beside what is said of each question. */
  facts?: NewStep['facts'];
  /** Answers it as it was answered before. @returns whether it was */
  before(model: Model, asking: Asking): Promise<boolean>;
  /** What the answer is journaled as, and what begins with it where its budgets have enough left. @param number the question's */
  reads(answer: Answer, number: number): Pick<NewStep, 'content' | 'facts'> & { begins?: NewStep[] };
}

/** What is known of a question before it is asked. */
export interface Asking {
  tokens: number;
  dataClass: string;
  /** Of the prompt. */
  digest: string;
}

/** What became of one question. */
export type Asked =
  | { kind: 'answered' }
  /** No model answers now; the first key that could not be had is among why. */
  | { kind: 'away'; lacks: Lack | null }
  /** None of the task's models may be asked this. */
  | { kind: 'unfit'; passed: PassedOver[] }
  | { kind: 'spent'; text: string };

/**
 * Asks the first model that may be asked and answers. The question is journaled, and its cost reserved, before it is sent; its
 * answer is journaled, and its cost settled, before anything follows from it.
 * @throws MovedOn
 */
export async function askPaid(held: Held, paid: Paid): Promise<Asked> {
  const { deps, run, file, breakers } = held;
  const tokens = estimateTokens(paid.text);
  const dataClass = highestOf([file.messages, ...classesHeard(held)]);
  const language = languageOf(run.opening.user);
  const need = { modelClass: paid.modelClass, dataClass, tokens, language };
  const choice = choose(deps.models.of(paid.task), need, (model) => breakers.isResting(model));
  const asking = { tokens, dataClass, digest: digestOfText(paid.text) };
  const passed = [...choice.passed];
  let spent: string | null = null;
  let lacks: Lack | null = null;
  for (const model of choice.models) {
    if (await paid.before(model, asking)) return { kind: 'answered' };
    // A question for which there is no key yet is not begun again and again.
    const lacking = run.lacks && (await stillLacks(deps.leases, model));
    if (lacking) {
      lacks ??= lacking;
      passed.push({ model: model.name, why: 'key' });
      continue;
    }
    const begun = await begin(held, model, paid, { ...asking, passed });
    if ('spent' in begun) {
      spent = begun.spent;
      passed.push({ model: model.name, why: 'budget' });
      continue;
    }
    const answer = await answered(held, model, paid, begun);
    if (answer.given) return { kind: 'answered' };
    lacks ??= answer.lacks;
    passed.push({ model: model.name, why: answer.lacks ? 'key' : 'failed' });
    if (held.signal.aborted) return { kind: 'away', lacks };
  }
  if (passed.some(({ why }) => why === 'failed' || why === 'resting' || why === 'key'))
    return { kind: 'away', lacks };
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
  paid: Pick<Paid, 'facts'>,
  asking: Asking & { passed: readonly PassedOver[] },
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
  const facts = { dataClass, endpoint: model.endpoint, passed, estimated: tokens, ...paid.facts };
  let lease: Lease | null = null;
  try {
    await write(held, [{ kind: 'prompt', digest, model: model.name, facts }], {
      live: true,
      use: { steps: 1 },
      with(tx) {
        if (run.lacks)
          tx.send({ text: 'update agent_runs set lacks = null where id = $1', values: [run.id] });
        // Its model was chosen by what the session has heard.
        unlessMoreHeard(tx, held);
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

/** @returns whether there is an answer, which is journaled then; where its key kept it from being asked, why */
async function answered(
  held: Held,
  model: Model,
  paid: Paid,
  begun: Begun,
): Promise<{ given: boolean; lacks: Lack | null }> {
  const { deps, run } = held;
  const { reservation, lease } = begun;
  const since = performance.now();
  let answer: Answer | null = null;
  let unpaid = false;
  let lacks: Lack | null = null;
  try {
    answer = await held.breakers.guard(model, () => lent(held, model, paid.question, lease));
  } catch (error) {
    unpaid = !(error instanceof ModelFailed) || error.unpaid;
    lacks = lackOf(error);
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
    return { given: false, lacks };
  }
  await keep(held, model, paid, begun, { ...answer, ms });
  return { given: true, lacks: null };
}

/** Journals an answer, settles what it cost, and begins the calls that it asks for where their budgets have enough left. */
async function keep(
  held: Held,
  model: Model,
  paid: Paid,
  { number, reservation, lease }: Begun,
  { ms, ...given }: Answer & { ms: number },
): Promise<void> {
  const { deps, run, file } = held;
  const { tokensIn, tokensOut } = given;
  const calls = given.calls.map(({ name, args }) => ({ name: storable(name), args: storable(args) }));
  const { content, facts, begins = [] } = paid.reads({ ...given, text: storable(given.text), calls }, number);
  const cost = costOf(model, tokensIn, tokensOut);
  const digest = digestOfText(JSON.stringify(content));
  const step: NewStep = {
    ...{ kind: 'answer', digest, content, facts: { ...facts, ...paid.facts } },
    ...{ model: model.name, tokensIn, tokensOut, cost },
  };
  const writeIt = (steps: readonly NewStep[]): Promise<void> =>
    write(held, [step, ...steps], {
      use: { tokensIn, tokensOut, cost, ms, calls: steps.length },
      with(tx) {
        settleUsed(tx, reservation, {
          'agent.tokens': Math.max(1, tokensIn + tokensOut),
          'agent.spend': Math.max(1, cost),
          'agent.seconds': Math.max(1, Math.ceil(ms / 1000)),
        });
        reserve(tx, reservation, chargesFor(file, run, { calls: steps.length }));
        if (lease !== null) deps.leases.end(tx, lease);
      },
    });
  try {
    await writeIt(begins);
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
