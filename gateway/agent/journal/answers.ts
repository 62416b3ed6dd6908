import type { Queryable, Transaction } from '../../db/index.ts';

/** An answer that was given before. */
export interface KnownAnswer {
  run: string;
  step: number;
  text: string;
  tokensIn: number;
  tokensOut: number;
  cost: number;
}

/** @returns null where there is none, or its text was deleted */
export async function findAnswer(db: Queryable, key: string): Promise<KnownAnswer | null> {
  const { rows } = await db.query<KnownAnswer>({
    name: 'agent-answer',
    text: `select s.run_id as run, s.number as step, s.content->>'text' as text, s.tokens_in as "tokensIn",
        s.tokens_out as "tokensOut", s.cost::float8 as cost
      from agent_answers a join agent_steps s on s.run_id = a.run_id and s.number = a.step
      where a.key = $1 and s.content is not null`,
    values: [key],
  });
  return rows[0] ?? null;
}

/** Keeps where the answer to a question is. */
export const keepAnswer = (tx: Transaction, key: string, run: string, step: number): void =>
  tx.send({
    text: `insert into agent_answers (key, run_id, step) values ($1, $2, $3)
      on conflict (key) do update set run_id = excluded.run_id, step = excluded.step`,
    values: [key, run, step],
  });
