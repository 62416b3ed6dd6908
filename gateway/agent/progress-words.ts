import type { Outgoing } from '../channels/index.ts';
import { inWords, lackInWords, type Lack } from './models/index.ts';
import type { EndedBy, RunState } from './types.ts';

/** How far a run is that goes on. */
export interface Progressing {
  runId: string;
  state: RunState;
  lastStep: number;
  questions: number;
  calls: number;
  /** Whether people are asked about something of the same message. */
  asking: boolean;
  /** Whether a model was asked and has not answered. */
  thinking: boolean;
  /** Catalogue names of the calls under way; null for one that is none. */
  tools: (string | null)[];
  /** The key that it waits for. */
  lacks: Lack | null;
}

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
const soFar = ({ questions, calls }: Pick<Progressing, 'questions' | 'calls'>): string =>
  `${counted(questions, 'question')} to models, ${counted(calls, 'call')} of tools`;

/** Says how far a run is. @param titles of the tools under way, from the catalogue */
export function progressOf(run: Progressing, titles: readonly string[]): string {
  // Without counts: what stays as it is said is shown once.
  if (run.state === 'waiting' && run.lacks) return lacking(run.lacks);
  return `${nowOf(run, titles)}\nSo far: ${soFar(run)}. /cancel stops it.`;
}

const lacking = (lacks: Lack): string =>
  `The agent waits. ${lackInWords(lacks)}\nIt goes on by itself once the key is there; /cancel stops it. (${lacks.code})`;

function nowOf({ state, thinking }: Progressing, titles: readonly string[]): string {
  if (state === 'paused') return 'The agent is paused.';
  if (state === 'waiting') return 'The agent waits for a system, and goes on by itself.';
  if (titles.length > 0) return `The agent uses tools: ${titles.join(', ')}.`;
  return thinking ? 'The agent asks a model.' : 'The agent works on it.';
}

const ends: Record<EndedBy, string> = {
  answer: 'The agent is done',
  person: 'The agent was stopped',
  cancelled: 'The agent was stopped with its workflow run in n8n',
  budget: 'The agent was stopped, because a budget had not enough left',
  loop: 'The agent was stopped, because it went round in circles',
  no_model_configured: 'The agent could not go on, because no model is configured any more',
  no_model_fits: 'The agent could not go on, because no model may be asked this',
  model_unavailable: 'The agent could not go on, because no model answered',
  model_refused: 'The agent could not go on, because the model refused to answer',
  answer_cut: 'The agent could not go on, because the answer was too long',
  output_invalid: 'The agent could not go on, because the answer has not the form that was asked for',
  forgotten: 'The agent could not go on, because the text of the request was deleted',
};

/** Says how a run ended, without what it answered. */
export function endedWords(
  { state, by }: { state: RunState; by: EndedBy },
  used: { questions: number; calls: number; cost: number },
  currency: string,
): Pick<Outgoing, 'text' | 'tone'> {
  // What is done is told by the workflow, whose message goes on.
  const tone = state === 'done' ? 'info' : by === 'person' ? 'cancelled' : 'failed';
  return { text: `${ends[by]}: ${soFar(used)}, ${inWords(used.cost, currency)}.`, tone };
}

/** The answer to `/cancel`; null where nothing was under way. */
export const cancelled = (runs: number): Outgoing | null =>
  runs === 0 ? null : { text: `Stopped: ${counted(runs, 'run')} of the agent.`, tone: 'done' };
