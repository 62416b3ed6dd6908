import { transaction, type Transaction } from '../../db/index.ts';
import type { RunContext } from '../../policy/index.ts';
import { append, orMovedOn, readSteps, type Use } from '../journal/index.ts';
import type { Breakers, ModelsFile } from '../models/index.ts';
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
  breakers: Breakers;
  /** Ends when the run is stopped by a person or this process. */
  signal: AbortSignal;
  steps: Step[];
  state: RunState;
  /** The last write that was begun: parallel calls end in any order, and their steps follow each other. */
  writing: Promise<unknown>;
}

/**
 * Writes steps in one transaction with whatever belongs to them.
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

async function writeNow(held: Held, steps: readonly NewStep[], options: WriteOptions): Promise<void> {
  const { run, deps } = held;
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
  if (last === before + steps.length)
    held.steps.push(...steps.map((step, index) => whole(step, before + index + 1)));
  // Somebody steered it meanwhile: their step is between ours.
  else held.steps = await readSteps(deps.pool, run.id);
  for (const step of steps) deps.onStep?.(run.id, step);
}

const whole = (step: NewStep, number: number): Step => ({
  digest: null,
  content: null,
  model: null,
  tokensIn: null,
  tokensOut: null,
  cost: null,
  ...step,
  number,
  at: new Date(),
});
