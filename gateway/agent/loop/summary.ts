import { transaction } from '../../db/index.ts';
import { keepAnswer } from '../journal/index.ts';
import { estimateTokens, isOfClass, roomOf, type Turn } from '../models/index.ts';
import { renderPrompt, type Fence } from '../prompts/index.ts';
import type { Held } from './held.ts';
import { answerFrom, summaryKey } from './known.ts';
import { askPaid } from './paid.ts';
import { openingTurns, type View } from './view.ts';

/** The prompt file that summaries are written by. */
const promptName = 'conversation';
/** Of the room that a model has for a conversation: what is left takes the next results. */
const shareOfRoom = 0.75;

/**
 * The conversation as it is sent: a summary stands in for its older turns, as data that nobody vouches for. What the run's person
 * said meanwhile stays word by word, since a summary of it would be no instruction any more.
 */
export function turnsToSend({ turns, summary, personal }: View, fence: Fence): Turn[] {
  if (summary === null) return turns;
  return [
    ...turns.slice(0, openingTurns),
    { role: 'user', text: fence.block('data', 'summary', summary.text) },
    ...older(turns, summary.turns, (index) => personal.has(index)),
    ...turns.slice(summary.turns),
  ];
}

/**
 * Has the older turns of a long conversation summarised by a model of the task `summarise`. Where that cannot be had, the
 * conversation goes on whole; it is tried again once about as much has come again.
 * @returns whether a model was asked
 * @throws MovedOn
 */
export async function summarise(held: Held, view: View): Promise<boolean> {
  const turns = summaryDue(held, view);
  const prompt = held.deps.prompts.get(promptName);
  if (turns === null || !prompt) return false;
  const { fence } = held;
  const material = materialOf(view, turns);
  const user = fence.block('data', 'conversation', material);
  const system = renderPrompt(prompt, { task: 'summarise', tools: [], structured: false });
  const question = held.scrub({
    turns: [
      { role: 'system', text: system },
      { role: 'user', text: user },
    ],
    tools: [],
    schema: null,
  });
  const facts = { summary: turns };
  let key: string | null = null;
  const before = held.steps.length;
  await askPaid(held, {
    ...{ task: 'summarise', modelClass: null, question, facts },
    text: JSON.stringify(question.turns),
    before(model, asking) {
      key = summaryKey(held, model, asking.dataClass, [prompt.digest, fence.unmarked(user)]);
      return answerFrom(held, model, asking, key, { ...facts, kept: true });
    },
    reads: ({ text, finish }) => ({
      content: { text, calls: [] },
      // One that was cut off, or that is no shorter, stands for nothing.
      facts: { finish, kept: finish === 'stop' && text.trim() !== '' && text.length < material.length },
    }),
  });
  const answer = held.steps.slice(before).find(({ kind }) => kind === 'answer');
  if (key !== null && answer?.facts.kept === true && answer.facts.cached === undefined)
    await keepIt(held, key, answer.number);
  return held.steps.length > before;
}

const keepIt = ({ deps, run }: Held, key: string, step: number): Promise<void> =>
  transaction(deps.pool, (tx) => keepAnswer(tx, key, run.id, step));

/** @returns how many turns, from the first, a summary should stand for now; null where none is due */
function summaryDue(held: Held, view: View): number | null {
  const { upTo, keep } = limitsOf(held);
  const sent = turnsToSend(view, held.fence).slice(openingTurns);
  if (tokensOf(sent) <= upTo) return null;
  // The newest answer with its results was not read yet; before the first one, there is only what earlier runs came to.
  const newest = view.turns.findLastIndex(({ role }) => role === 'assistant');
  let from = newest === -1 ? openingTurns + (held.run.opening.earlier ? 1 : 0) : newest;
  for (let index = from - 1; index >= openingTurns && tokensOf(view.turns.slice(index)) <= keep; index -= 1)
    if (view.turns[index]?.role === 'assistant') from = index;
  // In steps: each one changes all that follows the opening, so that no vendor's prompt cache has it.
  const since = Math.max(openingTurns, view.summary?.turns ?? 0, view.triedTurns);
  return tokensOf(view.turns.slice(since, from)) >= (upTo - keep) / 2 ? from : null;
}

/** How long a conversation of this run may grow before it is shortened, and how much of it stays, in tokens. */
function limitsOf({ deps, run, file, offer }: Held): { upTo: number; keep: number } {
  const able = deps.models.of(run.task).filter((model) => isOfClass(model, run.request.modelClass));
  const fixed = estimateTokens(`${offer.text}${run.opening.system}${run.opening.user}`);
  const upTo = Math.min(file.history.upTo, Math.max(0, roomOf(able) - fixed) * shareOfRoom);
  return { upTo, keep: Math.min(file.history.keep, upTo / 4) };
}

/** What a summary of the first `count` turns is made of: the one before it, and what came since. */
function materialOf({ turns, summary, personal }: View, count: number): string {
  const known = summary?.turns ?? openingTurns;
  const parts = older(turns, count, (index) => index >= known && !personal.has(index)).map(inWords);
  return [...(summary ? [`[summary of what came before]\n${summary.text}`] : []), ...parts].join('\n\n');
}

const older = (turns: readonly Turn[], count: number, which: (index: number) => boolean): Turn[] =>
  turns.slice(0, count).filter((_, index) => index >= openingTurns && which(index));

function inWords(turn: Turn): string {
  const calls = turn.role === 'assistant' ? turn.calls.map(({ name, args }) => `calls ${name} ${args}`) : [];
  return [`[${turn.role}]`, ...(turn.text === '' ? [] : [turn.text]), ...calls].join('\n');
}

const tokensOf = (turns: readonly Turn[]): number =>
  turns.reduce((sum, turn) => sum + estimateTokens(inWords(turn)), 0);
