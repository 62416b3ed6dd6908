import type { Pool } from '../../../gateway/db/index.ts';
import type { Workflow } from './workflow.ts';

/** What became of the requests, and of how many it is not exactly one thing. */
export interface Settled {
  states: Record<string, number>;
  double: number;
}

/**
 * Holds each request against its votes, receipts and grant: one outcome, one receipt that says it, a grant only for an
 * approval with its quorum and without a rejection, and never two outcomes told to the workflow.
 */
export async function settledOf(pool: Pool, workflow: Workflow): Promise<Settled> {
  const { rows } = await pool.query<{ id: string; state: string; wrong: boolean }>(
    `with counted as (
       select a.id, a.state, a.quorum,
         (select count(*) from votes v where v.approval_id = a.id and v.verdict = 'approve') as approvals,
         (select count(*) from votes v where v.approval_id = a.id and v.verdict = 'reject') as rejections,
         (select count(*) from grants g where g.decision_id = a.id) as grants,
         array(select r.facts ->> 'state' from receipts r
           where r.kind = 'approval.outcome' and r.decision_id = a.id) as told
       from approvals a
     )
     select id, state, not (told = array[state] and case state
         when 'approved' then approvals = quorum and rejections = 0 and grants = 1
         when 'rejected' then rejections = 1 and approvals < quorum and grants = 0
         else rejections = 0 and approvals < quorum and grants = 0 end) as wrong
     from counted`,
  );
  const states: Record<string, number> = {};
  let double = 0;
  for (const { id, state, wrong } of rows) {
    states[state] = (states[state] ?? 0) + 1;
    const told = workflow.outcomes.get(id) ?? new Set();
    if (wrong || told.size > 1 || (told.size === 1 && !told.has(state))) double += 1;
  }
  return { states, double };
}
