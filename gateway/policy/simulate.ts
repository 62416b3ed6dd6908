import type { Pool } from '../db/index.ts';
import type { Candidate } from './candidate.ts';
import { effectWords, isLooser } from './effects.ts';
import type { Approvers, Effect, PolicyInput } from './types.ts';

/** Decisions of one tool that would come out otherwise in the same way. */
export interface Change {
  tool: string;
  from: string;
  to: string;
  /** Whether more would be let through. */
  looser: boolean;
  count: number;
  /** Codes of the candidate's reasons. */
  reasons: string[];
  /** Ids of up to three of them, the latest. */
  examples: string[];
}

/** What a candidate would have made of the past. */
export interface Simulation {
  since: string;
  candidate: string;
  decided: number;
  /** Decisions that have no recorded input: of calls that no rule was asked about, or past their retention. */
  withoutInput: number;
  changes: Change[];
}

interface Row {
  id: string;
  tool: string;
  effect: Effect;
  approvers: Approvers | null;
  input: PolicyInput | null;
}

/**
 * Decides recorded inputs again. Nothing of it is stored, and nothing that was decided changes.
 * @param since how far back
 */
export async function simulate(pool: Pool, candidate: Candidate, since: Date): Promise<Simulation> {
  const changes = new Map<string, Change>();
  let decided = 0;
  let withoutInput = 0;
  for await (const row of recorded(pool, since)) {
    if (row.input === null) {
      withoutInput += 1;
      continue;
    }
    decided += 1;
    const verdict = await candidate.decide(row.input);
    const [from, to] = [effectWords(row), effectWords(verdict)];
    if (from === to) continue;
    const key = JSON.stringify([row.tool, from, to]);
    const change = changes.get(key) ?? {
      tool: row.tool,
      from,
      to,
      looser: isLooser(row, verdict),
      count: 0,
      reasons: [],
      examples: [],
    };
    change.count += 1;
    change.reasons = [...new Set([...change.reasons, ...verdict.reasons.map((reason) => reason.code)])];
    if (change.examples.length < 3) change.examples.push(row.id);
    changes.set(key, change);
  }
  return {
    since: since.toISOString(),
    candidate: candidate.version,
    decided,
    withoutInput,
    changes: [...changes.values()].sort(
      (left, right) => Number(right.looser) - Number(left.looser) || right.count - left.count,
    ),
  };
}

/** Decisions, the latest first, a page at a time: a month of them need not fit into memory. */
async function* recorded(pool: Pool, since: Date): AsyncGenerator<Row> {
  const client = await pool.connect();
  try {
    await client.query('begin read only');
    await client.query({
      text: `declare recorded cursor for select id, tool, effect, approvers, input from decisions
        where created_at >= $1 order by created_at desc`,
      values: [since],
    });
    for (;;) {
      const { rows } = await client.query<Row>('fetch 500 from recorded');
      yield* rows;
      if (rows.length === 0) return;
    }
  } finally {
    await client.query('rollback').catch(() => undefined);
    client.release();
  }
}
