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

/** What the answers of one group used; costs are in millionths of the currency of models.yaml. */
export interface Costs {
  group: string;
  /** That models gave. */
  answers: number;
  tokensIn: number;
  tokensOut: number;
  cost: number;
  /** That were given before, and so cost nothing. */
  cached: number;
  /** What these cost when they were given first. */
  savedTokens: number;
  savedCost: number;
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
    `select ${columns[by]} as "group", count(*) filter (where not s.facts ? 'cached')::int as answers,
       sum(s.tokens_in)::float8 as "tokensIn", sum(s.tokens_out)::float8 as "tokensOut", sum(s.cost)::float8 as cost,
       count(*) filter (where s.facts ? 'cached')::int as cached,
       coalesce(sum((s.facts->>'savedIn')::float8 + (s.facts->>'savedOut')::float8), 0) as "savedTokens",
       coalesce(sum((s.facts->>'savedCost')::float8), 0) as "savedCost"
     from agent_steps s join agent_runs r on r.id = s.run_id
     where s.kind = 'answer' and s.at > now() - make_interval(days => $1)
       and ($2::text is null or r.principal = $2) group by 1 order by cost desc, 1`,
    [days, principal],
  );
  return rows;
}

/** How requests were served: by a model, or without one by a command, a button, a cached answer, or the workflow's own steps. */
export type Ways = Record<'model' | 'command' | 'action' | 'cached' | 'workflow', number>;

/** Counts how the requests of the last `days` were served that reached a workflow. Messages are kept for eight days. */
export async function countWays(db: Queryable, days: number): Promise<Ways> {
  const { rows } = await db.query<{ way: keyof Ways; requests: number }>(
    `select case when a.asked then 'model' when a.cached then 'cached' when m.event in ('command', 'action') then m.event
         else 'workflow' end as way, count(*)::int as requests
     from messages m left join lateral (
       select bool_or(s.kind = 'prompt' and not s.facts ? 'cached') as asked, bool_or(s.facts ? 'cached') as cached
       from agent_runs r join agent_steps s on s.run_id = r.id where r.message_id = m.id) a on true
     where m.received_at > now() - make_interval(days => $1) and m.event in ('created', 'command', 'action')
       and m.state not in ('refused', 'limited') group by 1`,
    [days],
  );
  const none: Ways = { model: 0, command: 0, action: 0, cached: 0, workflow: 0 };
  return { ...none, ...Object.fromEntries(rows.map(({ way, requests }) => [way, requests])) };
}
