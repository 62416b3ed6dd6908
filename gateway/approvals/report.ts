import { displayOf } from './card.ts';
import type { ApprovalsDeps } from './types.ts';

/** Who decided what, over some days. Times are in seconds, medians; null where nothing was decided. */
export interface ApprovalReport {
  totals: Decided;
  people: {
    principal: string;
    display: string;
    votes: number;
    approved: number;
    /** From when it was asked until their vote. */
    seconds: number;
    tools: string[];
  }[];
  tools: ({ tool: string; title: string } & Decided)[];
  /** Rules that asked people at least so often and were approved each time, as it was asked. */
  alwaysApproved: { code: string; text: string; tool: string; title: string; times: number }[];
}

interface Decided {
  asked: number;
  approved: number;
  rejected: number;
  expired: number;
  /** From when it was asked until the quorum was met or somebody rejected it. */
  seconds: number | null;
}

/** A rule that asked fewer times than this says nothing about itself yet. */
export const fewestTimes = 5;
/** The newest of a span that are looked at, and the rows of each table. */
const mostApprovals = 50_000;
const mostRows = 100;

/** What the report counts, of the days in `$1`. */
export const requests = `requests as materialized (
  select a.id, a.requester, a.state, a.edition, a.created_at, a.decided_at, d.tool, d.reasons
  from approvals a join decisions d on d.id = a.id
  where a.created_at > now() - $1 * interval '1 day' and a.state <> 'superseded' and a.kind = 'approve'
  order by a.created_at desc limit ${mostApprovals})`;

const decided = `count(*)::int as asked,
  count(*) filter (where state = 'approved')::int as approved,
  count(*) filter (where state = 'rejected')::int as rejected,
  count(*) filter (where state = 'expired')::int as expired,
  percentile_cont(0.5) within group (order by extract(epoch from decided_at - created_at)::float8)
    filter (where state in ('approved', 'rejected')) as seconds`;

/**
 * Reads the report of what people were asked to approve in the last `days`. Confirmations are left out: people confirm
 * what they asked for themselves.
 */
export async function report(
  deps: Pick<ApprovalsDeps, 'pool' | 'people' | 'catalogue'>,
  days: number,
): Promise<ApprovalReport> {
  const { pool, catalogue } = deps;
  const title = (tool: string): string => catalogue.get(tool)?.title ?? tool;
  const [totals, tools, people, rules] = await Promise.all([
    pool.query<Decided>(`with ${requests} select ${decided} from requests`, [days]),
    pool.query<Decided & { tool: string }>(
      `with ${requests} select tool, ${decided} from requests group by tool order by asked desc, tool limit ${mostRows}`,
      [days],
    ),
    pool.query<Omit<ApprovalReport['people'][number], 'display'>>(
      `with ${requests} select v.principal, count(*)::int as votes,
         count(*) filter (where v.verdict = 'approve')::int as approved,
         percentile_cont(0.5) within group (order by extract(epoch from v.voted_at - r.created_at)::float8) as seconds,
         array_agg(distinct r.tool) as tools
       from requests r join votes v on v.approval_id = r.id
       group by v.principal order by votes desc, v.principal limit ${mostRows}`,
      [days],
    ),
    pool.query<{ code: string; text: string; tool: string; times: number }>(
      `with ${requests} select tool, reason ->> 'code' as code, max(reason ->> 'text') as text, count(*)::int as times
       from requests, jsonb_array_elements(reasons) reason where state in ('approved', 'rejected', 'expired')
       group by 1, 2 having count(*) >= ${fewestTimes} and bool_and(state = 'approved' and edition = 0)
       order by times desc, code limit ${mostRows}`,
      [days],
    ),
  ]);
  return {
    totals: totals.rows[0] as Decided,
    tools: tools.rows.map((row) => ({ ...row, title: title(row.tool) })),
    people: people.rows.map((row) => ({
      ...row,
      display: displayOf(deps, row.principal),
      tools: row.tools.map(title),
    })),
    alwaysApproved: rules.rows.map((row) => ({ ...row, title: title(row.tool) })),
  };
}
