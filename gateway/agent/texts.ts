import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Signals } from '../db/index.ts';
import { runsSignal } from './journal/index.ts';
import { inWords, lackInWords, type Lack } from './models/index.ts';
import type { ShownRun } from './shown.ts';
import type { AgentRequest } from './types.ts';

/** A text task: one question about one text. */
export interface TextRequest {
  step: string;
  task: 'summarise' | 'extract' | 'classify';
  /** Nobody vouches for it. */
  text: string;
  /** What the workflow wants, in its builder's words. */
  instructions: string | null;
  /** Of what is extracted; any JSON object where it is null. */
  schema: Record<string, unknown> | null;
  /** One of these is the answer of `classify`. */
  labels: string[] | null;
  modelClass: string | null;
}

export type TextAnswer =
  | {
      status: 'done';
      output: unknown;
      /** Whether it was answered before, so that no model was asked. */
      cached: boolean;
      model: string | null;
      tokens: { in: number; out: number };
      spend: string;
      receipt: string;
    }
  | { status: 'failed'; reasons: { code: string; text: string }[]; text: string };

/** Longer than most answers take, and shorter than callers wait for theirs. */
const waitMs = 25_000;
const lookMs = 500;

/** The run that a text task is: one question without tools, of which nothing depends on who asks. */
export function runOfText({
  step,
  task,
  text,
  instructions,
  schema,
  labels,
  modelClass,
}: TextRequest): AgentRequest {
  const classes = labels && `The classes are:\n${labels.map((label) => `- ${label}`).join('\n')}`;
  const prompt = [instructions, classes].filter((part) => part !== null).join('\n\n');
  return {
    ...{ step, task, input: { text }, prompt: prompt === '' ? null : prompt, template: null, modelClass },
    ...{ tools: [], budget: {}, bare: true as const },
    schema: labels ? labelSchema(labels) : task === 'extract' ? (schema ?? { type: 'object' }) : null,
  };
}

const labelSchema = (labels: readonly string[]): Record<string, unknown> => ({
  type: 'object',
  properties: { label: { type: 'string', enum: labels } },
  required: ['label'],
  additionalProperties: false,
});

/**
 * Waits for the run of a text task, and says what it came to. One that is not over in time goes on; asking again with the same
 * step waits for it again.
 */
export async function answerOf(
  { pool, signals }: { pool: Pool; signals: Pick<Signals, 'on'> },
  { id }: Pick<ShownRun, 'id'>,
  show: () => Promise<ShownRun>,
  atMostMs = waitMs,
): Promise<TextAnswer> {
  const run = await ended(signals, id, show, atMostMs);
  if (run.finishedAt === null) return pending(run.lacks);
  const { result, endedBy, used, steps, currency } = run;
  if (run.state !== 'done' || result === null)
    return failed(endedBy ?? 'forgotten', result?.text ?? 'The text of this task was deleted.');
  const answer = steps.findLast(({ kind }) => kind === 'answer');
  return {
    status: 'done',
    output: result.output === undefined ? result.text : unlabelled(run.task, result.output),
    cached: steps.every(({ kind, facts }) => kind !== 'answer' || facts.cached !== undefined),
    model: answer?.model ?? null,
    tokens: { in: used.tokensIn, out: used.tokensOut },
    spend: inWords(used.cost, currency),
    receipt: await receiptOf(pool, id),
  };
}

/** What is missing comes first; the code for asking again is there in any case. */
function pending(lacks: Lack | null): TextAnswer {
  const text = lacks
    ? 'It goes on by itself once the key is there. Ask again with the same step: it is paid once.'
    : 'The answer takes longer. Ask again with the same step: it is paid once.';
  const again = { code: 'text_pending', text };
  if (lacks === null) return failed(again.code, text);
  const missing = { code: lacks.code, text: lackInWords(lacks) };
  return { status: 'failed', reasons: [missing, again], text: `${missing.text} ${text}` };
}

const failed = (code: string, text: string): TextAnswer => ({
  status: 'failed',
  reasons: [{ code, text }],
  text,
});

const unlabelled = (task: string, output: unknown): unknown =>
  task === 'classify' ? (output as { label: string }).label : output;

/** @returns the run as it ended, or as it is after a while */
async function ended(
  signals: Pick<Signals, 'on'>,
  id: string,
  show: () => Promise<ShownRun>,
  atMostMs: number,
): Promise<ShownRun> {
  const until = Date.now() + atMostMs;
  let wake = new AbortController();
  const stop = signals.on(runsSignal, (changed) => {
    if (changed === id) wake.abort();
  });
  try {
    for (;;) {
      wake = new AbortController();
      const run = await show();
      if (run.finishedAt !== null || Date.now() >= until) return run;
      await sleep(lookMs, undefined, { signal: wake.signal }).catch(() => undefined);
    }
  } finally {
    stop();
  }
}

async function receiptOf(pool: Pool, run: string): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from receipts where kind = 'agent.ended' and message_id = (select message_id from agent_runs where id = $1)
       and facts->>'agentRun' = $1::text`,
    [run],
  );
  return rows[0]?.id ?? '';
}
