import { missedItsRow } from '../../policy/index.ts';
import type { Queryable, Transaction } from '../../db/index.ts';
import type { Claimed, NewStep, RunState, Step, Used } from '../types.ts';
import { MovedOn } from './claims.ts';

/** Reads the steps of a run, the first one first. */
export async function readSteps(db: Queryable, run: string): Promise<Step[]> {
  const { rows } = await db.query<Step>({
    name: 'agent-steps',
    text: `select number, kind, digest, content, facts, model, tokens_in as "tokensIn", tokens_out as "tokensOut",
        cost::float8 as cost, at from agent_steps where run_id = $1 order by number`,
    values: [run],
  });
  return rows;
}

/** What a run used with these steps. */
export type Use = Partial<Omit<Used, 'seconds'> & { ms: number }>;

/**
 * Writes steps of a run that this process holds, in the caller's transaction, which fails with {@link missedItsRow} where it
 * holds it no more.
 * @param options.after the step that has to be the last one so far; whatever is left out
 * @param options.live whether the run must not have been paused or stopped meanwhile
 */
export function append(
  tx: Transaction,
  { id, claim }: Pick<Claimed, 'id' | 'claim'>,
  steps: readonly NewStep[],
  options: {
    after?: number;
    live?: boolean;
    use?: Use;
    written?: (to: { state: RunState; last: number }) => void;
  } = {},
): void {
  const { after = null, live = false, use = {}, written } = options;
  tx.send<{ state: RunState; last: number }>(
    {
      name: 'append-agent-steps',
      text: `with held as (
          update agent_runs set last_step = last_step + $5, model_steps = model_steps + $6, calls = calls + $7,
            tokens_in = tokens_in + $8, tokens_out = tokens_out + $9, cost = cost + $10, active_ms = active_ms + $11
          where id = $1 and claim = $2 and last_step = coalesce($3, last_step) and (state = 'running' or not $4)
          returning id, state, last_step - $5 as before, last_step
        ), added as (
          insert into agent_steps (run_id, number, kind, digest, content, facts, model, tokens_in, tokens_out, cost)
          select held.id, held.before + place, kind, digest, content, facts, model, tokens_in, tokens_out, cost
          from held, rows from (jsonb_to_recordset($12) as (kind text, digest text, content jsonb, facts jsonb, model text,
            tokens_in int, tokens_out int, cost bigint)) with ordinality as t (kind, digest, content, facts, model,
            tokens_in, tokens_out, cost, place)
        ) select 1 / (select count(*) from held), state, last_step as last from (select 1) as one left join held on true`,
      values: [
        ...[id, claim, after, live, steps.length],
        ...[use.steps ?? 0, use.calls ?? 0, use.tokensIn ?? 0, use.tokensOut ?? 0, use.cost ?? 0],
        Math.round(use.ms ?? 0),
        JSON.stringify(
          steps.map(({ tokensIn, tokensOut, ...step }) => ({
            ...step,
            tokens_in: tokensIn,
            tokens_out: tokensOut,
          })),
        ),
      ],
    },
    ([row]) => {
      if (row) written?.(row);
    },
  );
}

/** Runs what writes steps. @throws MovedOn where the run is not as it was read */
export async function orMovedOn<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw missedItsRow(error) ? new MovedOn() : error;
  }
}
