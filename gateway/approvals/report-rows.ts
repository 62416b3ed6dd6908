import { displayOf } from './card.ts';
import { requests } from './report.ts';
import type { ApprovalsDeps } from './types.ts';

/** One request of the report. */
export interface ReportRow {
  id: string;
  tool: string;
  title: string;
  requester: string;
  asked: Date;
  /** Codes of the rules that asked. */
  rules: string[];
  state: string;
  decided: Date | null;
  votes: { by: string; verdict: string; channel: string; comment: string | null }[];
}

interface Row {
  id: string;
  tool: string;
  requester: string | null;
  created_at: Date;
  decided_at: Date | null;
  state: string;
  rules: string[];
  votes: { principal: string; verdict: string; channel: string; comment: string | null }[];
}

/** Reads every request that the report of the last `days` counts, newest first: who asked, why, who decided, and how. */
export async function reportRows(
  deps: Pick<ApprovalsDeps, 'pool' | 'people' | 'catalogue'>,
  days: number,
): Promise<ReportRow[]> {
  const { rows } = await deps.pool.query<Row>(
    `with ${requests} select id, tool, requester, created_at, decided_at, state,
       array(select reason ->> 'code' from jsonb_array_elements(reasons) reason) as rules,
       coalesce((select json_agg(json_build_object('principal', principal, 'verdict', verdict, 'channel', channel,
         'comment', comment) order by voted_at) from votes where approval_id = id), '[]') as votes
     from requests order by created_at desc`,
    [days],
  );
  return rows.map(({ id, tool, requester, created_at, decided_at, state, rules, votes }) => ({
    id,
    tool,
    title: deps.catalogue.get(tool)?.title ?? tool,
    requester: displayOf(deps, requester, 'An automation'),
    asked: created_at,
    rules,
    state,
    decided: decided_at,
    votes: votes.map(({ principal, ...vote }) => ({ by: displayOf(deps, principal), ...vote })),
  }));
}
