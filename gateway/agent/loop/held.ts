import type { DataClass } from '../../catalogue/index.ts';
import { transaction, type Transaction } from '../../db/index.ts';
import { classesOf, noOtherHeard, type RunContext } from '../../policy/index.ts';
import { append, orMovedOn, readSteps, type Use } from '../journal/index.ts';
import type { Breakers, ModelsFile, Question } from '../models/index.ts';
import type { Offer } from '../offered.ts';
import type { Fence } from '../prompts/index.ts';
import type { AgentDeps, AgentRequest, Claimed, NewStep, Opening, RunState, Step } from '../types.ts';

/** A run that this process works on, with all that its steps need. */
export interface Held {
  deps: AgentDeps;
  run: Claimed & { request: AgentRequest; opening: Opening };
  context: RunContext;
  file: ModelsFile;
  offer: Offer;
  fence: Fence;
  /** What a model may be sent of a question of this run. */
  scrub: (question: Question) => Question;
  breakers: Breakers;
  /** Ends when the run is stopped by a person or this process. */
  signal: AbortSignal;
  /** Ends when the run is over, and nobody waits for its calls any more. */
  over: AbortSignal;
  /** What is journaled. */
  steps: Step[];
  /** The tools that have answered in its session, as far as is known here; the transaction of each question makes sure of it. */
  heard: Set<string>;
  /**
   * Results that are journaled with whatever is written next, and always before it is acted on. One that a crash takes is told
   * again by the router, which did the call once.
   */
  results: NewStep[];
  state: RunState;
  /** The last write that was begun: parallel calls end in any order, and their steps follow each other. */
  writing: Promise<unknown>;
}

/** The classes of what its session has heard. */
export const classesHeard = ({ deps, heard }: Pick<Held, 'deps' | 'heard'>): DataClass[] =>
  classesOf(deps.catalogue, [...heard]);

/** Lets a transaction fail where its session has heard from another tool meanwhile. */
export const unlessMoreHeard = (tx: Transaction, { run, heard }: Pick<Held, 'run' | 'heard'>): void =>
  noOtherHeard(tx, run.sessionKey, [...heard]);

/** The number of the next step, where nobody else writes one before it. */
export const nextNumber = ({ steps, results }: Pick<Held, 'steps' | 'results'>): number =>
  (steps.at(-1)?.number ?? 0) + results.length + 1;

/** The journal as it will be with the results that are still to be written. */
export const allSteps = ({ steps, results }: Pick<Held, 'steps' | 'results'>): Step[] => [
  ...steps,
  ...numbered(results, steps.at(-1)?.number ?? 0),
];

/**
 * Writes steps, and results before them, in one transaction with whatever belongs to them.
 * @param options.live refuses where somebody wrote a step meanwhile, or the run was paused or stopped
 * @throws MovedOn
 */
export function write(held: Held, steps: readonly NewStep[], options: WriteOptions = {}): Promise<void> {
  const mine = held.writing.catch(() => undefined).then(() => writeNow(held, steps, options));
  held.writing = mine;
  return mine;
}

interface WriteOptions {
  live?: boolean;
  use?: Use;
  with?: (tx: Transaction) => void;
}

async function writeNow(held: Held, given: readonly NewStep[], options: WriteOptions): Promise<void> {
  const { run, deps } = held;
  const results = [...held.results];
  const steps = [...results, ...given];
  const before = held.steps.at(-1)?.number ?? 0;
  let last = before;
  await orMovedOn(
    transaction(deps.pool, (tx) => {
      append(tx, run, steps, {
        live: options.live ?? false,
        ...(options.live && { after: before }),
        ...(options.use && { use: options.use }),
        written(to) {
          last = to.last;
          held.state = to.state;
        },
      });
      options.with?.(tx);
    }),
  );
  held.results = held.results.slice(results.length);
  if (last === before + steps.length) held.steps.push(...numbered(steps, before));
  // Somebody steered it meanwhile: their step is between ours.
  else held.steps = await readSteps(deps.pool, run.id);
  for (const step of steps) deps.onStep?.(run.id, step);
  deps.progress?.moved(run.id);
}

const gaps = { digest: null, content: null, model: null, tokensIn: null, tokensOut: null, cost: null };

const numbered = (steps: readonly NewStep[], before: number): Step[] =>
  steps.map((step, index) => ({ ...gaps, ...step, number: before + index + 1, at: new Date() }));
