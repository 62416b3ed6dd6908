import type { Queryable } from '../db/index.ts';

/** What answers can be summed up by. */
export const costGroups = ['day', 'person', 'task', 'model'] as const;
export type CostGroup = (typeof costGroups)[number];

const columns: Record<CostGroup, string> = {
  day: `to_char(s.at at time zone 'UTC', 'YYYY-MM-DD')`,
  person: `coalesce(r.principal, '')`,
  task: 'r.task',
  model: `coalesce(s.model, '')`,
};

/** What the answers of one group used; the cost is in millionths of the currency of models.yaml. */
export interface Costs {
  group: string;
  answers: number;
  tokensIn: number;
  tokensOut: number;
  cost: number;
}

/**
 * Sums up what models answered in the last `days`, the dearest group first. Steps are kept for eight days after their run.
 * @param principal whose runs alone; all of them where it is null
 */
export async function sumCosts(
  db: Queryable,
  by: CostGroup,
  days: number,
  principal: string | null = null,
): Promise<Costs[]> {
  const { rows } = await db.query<Costs>(
    `select ${columns[by]} as "group", count(*)::int as answers, sum(s.tokens_in)::float8 as "tokensIn",
       sum(s.tokens_out)::float8 as "tokensOut", sum(s.cost)::float8 as cost
     from agent_steps s join agent_runs r on r.id = s.run_id
     where s.kind = 'answer' and s.at > now() - make_interval(days => $1)
       and ($2::text is null or r.principal = $2) group by 1 order by cost desc, 1`,
    [days, principal],
  );
  return rows;
}
