import type { Transaction } from '../../db/index.ts';
import { toolsHeard } from '../../policy/index.ts';
import { endLeasesOf } from '../../vault/index.ts';
import { endHeld, letGo, MovedOn, readSteps, type Ending } from '../journal/index.ts';
import { createScrub, type Breakers, type Lack } from '../models/index.ts';
import { offerOf } from '../offered.ts';
import { createFence } from '../prompts/index.ts';
import type { AgentDeps, Claimed, EndedBy } from '../types.ts';
import { askModel } from './ask.ts';
import { carryOut } from './calls.ts';
import { allSteps, write, type Held } from './held.ts';
import { keptAnswer } from './known.ts';
import { readOutput } from './output.ts';
import { achieved } from './achieved.ts';
import { summarise } from './summary.ts';
import { viewOf, type View } from './view.ts';

const mostUnanswered = 12;
/** How long a run waits for models that are away: longer each time. */
const awaySeconds = (unanswered: number): number => Math.min(300, 5 * 2 ** (unanswered / 2));

/** What a turn of the loop comes to: another one, a wait, or the end. */
type Turn = 'go on' | { waitsFor: string[]; wakeSeconds: number | null; lacks?: Lack | null } | Ending;

/**
 * Works on a run that was claimed, from its last journaled step, until it ends, waits, or is somebody else's. Nothing is held
 * while it waits.
 * @param ends.signal ends a question under way @param ends.over ends a call under way that can be ended
 * @param ends.isQuitting whether to let go before the next step
 */
export async function drive(
  deps: AgentDeps,
  breakers: Breakers,
  run: Claimed,
  { signal, over, isQuitting }: { signal: AbortSignal; over: AbortSignal; isQuitting: () => boolean },
): Promise<void> {
  const held = await hold(deps, breakers, run, { signal, over });
  const endIt = (
    after: number,
    ending: Ending,
    keep: ((tx: Transaction) => void) | null = null,
  ): Promise<boolean> =>
    endHeld(deps.pool, run, after, ending, async (tx) => {
      keep?.(tx);
      await deps.progress?.ended(tx, run.id, ending);
    });
  if ('by' in held) return void (await endIt(run.lastStep, held));
  while (!signal.aborted && !isQuitting() && held.state === 'running') {
    try {
      const view = viewOf(held.run.opening, allSteps(held));
      const turn = await oneTurn(held, view);
      if (turn === 'go on') continue;
      if (held.results.length > 0) await write(held, []);
      if (!('by' in turn)) return await letGo(deps.pool, run, turn);
      const kept = turn.state === 'done' ? keptAnswer(held, view) : null;
      if (await endIt(view.last, turn, kept)) return;
      throw new MovedOn();
    } catch (error) {
      if (!(error instanceof MovedOn)) throw error;
      if (!(await catchUp(held))) break;
    }
  }
  // What was done meanwhile is kept, where the run is still this process's.
  if (held.results.length > 0)
    await write(held, []).catch((error: unknown) => {
      if (!(error instanceof MovedOn)) throw error;
    });
  await letGo(deps.pool, run, null);
}

async function hold(
  deps: AgentDeps,
  breakers: Breakers,
  run: Claimed,
  ends: Pick<Held, 'signal' | 'over'>,
): Promise<Held | Ending> {
  const { request, opening } = run;
  const [context, steps, heard] = await Promise.all([
    deps.runContext(deps.pool, run.runId),
    readSteps(deps.pool, run.id),
    toolsHeard(deps.pool, run.sessionKey),
  ]);
  const file = deps.models.file();
  if (!file) return failed('no_model_configured', 'No language model is configured any more.');
  if (
    !context ||
    !request ||
    !opening ||
    steps.some(({ kind, content }) => kind === 'answer' && content === null)
  )
    return failed('forgotten', 'The text of the request was deleted while the run waited.');
  await endLostLeases(deps, run, steps.at(-1)?.number ?? 0);
  return {
    ...{ deps, context, file, breakers, steps, ...ends },
    run: { ...run, request, opening },
    heard: new Set(heard),
    offer: offerOf(deps.catalogue, opening.tools),
    fence: createFence(run.id),
    scrub: createScrub(file.never),
    results: [],
    state: 'running',
    writing: Promise.resolve(),
  };
}

/** A question that was under way when its gateway died has its key on loan for ever. */
async function endLostLeases(deps: AgentDeps, { id }: Claimed, last: number): Promise<void> {
  if (last === 0) return;
  await endLeasesOf(
    deps.pool,
    Array.from({ length: last }, (_, index) => `agent:${id}:${index + 1}`),
  );
}

/** Reads what was written, and heard, meanwhile. @returns whether the run is still this process's to go on with */
async function catchUp(held: Held): Promise<boolean> {
  const { deps, run } = held;
  const { rows } = await deps.pool.query(
    `select from agent_runs where id = $1 and claim = $2 and state = 'running'`,
    [run.id, run.claim],
  );
  if (rows.length === 0) return false;
  held.steps = await readSteps(deps.pool, run.id);
  held.heard = new Set(await toolsHeard(deps.pool, run.sessionKey));
  return true;
}

async function oneTurn(held: Held, view: View): Promise<Turn> {
  const stopped = (by: EndedBy, text: string): Ending => ended('stopped', by, text, view);
  if (view.open.length > 0) {
    const called = await carryOut(held, view.open);
    if (called.kind === 'spent') return stopped('budget', called.text);
    return called.kind === 'settled' ? 'go on' : called;
  }
  if (view.goesRound) return stopped('loop', 'The same call came back with the same result three times.');
  if (view.final) return finish(held, view, view.final);
  if (view.unanswered >= mostUnanswered)
    return ended('failed', 'model_unavailable', 'No model answered.', view);
  if (await summarise(held, view)) return 'go on';
  const asked = await askModel(held, view);
  if (asked.kind === 'answered') return 'go on';
  if (asked.kind === 'spent') return stopped('budget', asked.text);
  if (asked.kind === 'away')
    return held.signal.aborted
      ? 'go on'
      : { waitsFor: [], wakeSeconds: awaySeconds(view.unanswered), lacks: asked.lacks };
  const why =
    asked.passed.map(({ model, why: cause }) => `${model} (${cause})`).join(', ') || 'there is none';
  return ended('failed', 'no_model_fits', `No model of this task may be asked: ${why}.`, view);
}

async function finish(
  held: Held,
  view: View,
  { text, finish: how }: NonNullable<View['final']>,
): Promise<Turn> {
  if (how === 'length')
    return ended('failed', 'answer_cut', 'The answer was longer than the model may write.', view, text);
  if (how === 'refused') return ended('failed', 'model_refused', 'The model refused to answer.', view);
  const { schema } = held.run.request;
  if (schema === null) return { state: 'done', by: 'answer', result: { text } };
  const read = readOutput(schema, text);
  if ('output' in read) return { state: 'done', by: 'answer', result: { text, output: read.output } };
  if (view.repairs > 0)
    return ended('failed', 'output_invalid', `The answer does not fit the schema. ${read.fault}`, view);
  const content = {
    text: `Your answer does not fit the schema. ${read.fault} Answer again with the JSON alone.`,
  };
  await write(held, [{ kind: 'message', content, facts: { by: 'gatehouse' } }], { live: true });
  return 'go on';
}

const failed = (by: EndedBy, text: string): Ending => ({ state: 'failed', by, result: { text } });

/** An end before the work was done says what was done. */
const ended = (state: Ending['state'], by: EndedBy, why: string, view: View, partly = ''): Ending => ({
  state,
  by,
  result: { text: [why, achieved(view), partly].filter((part) => part !== '').join('\n') },
});
