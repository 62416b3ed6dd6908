import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool, type Queryable } from '../db/index.ts';
import type { WaitsFor } from './types.ts';

/** A call that waits for its next try, or that was given up. */
export interface Job {
  attempt: string;
  tool: string;
  /** The system and account that it calls, such as `rest:github`; what can be paused. */
  account: string | null;
  state: 'planned' | 'given_up';
  waitsFor: WaitsFor;
  tries: number;
  /** Who asked for it. */
  principal: string | null;
  nextTryAt: Date | null;
  deadlineAt: Date | null;
  finishedAt: Date | null;
}

/** A pause that is on. */
export interface Pause {
  scope: string;
  by: string;
  reason: string;
  since: Date;
}

const mostListed = 200;
/** An older one was asked for in another situation: it has to be asked for again. */
const longestGivenUp = '24 hours';

/** The calls that wait, the next one first, and those given up of the last week, the latest first. */
export async function listJobs(db: Queryable): Promise<Job[]> {
  const { rows } = await db.query<Job>(
    `select a.id as attempt, a.tool, a.account, case a.state when 'planned' then 'planned' else 'given_up' end as state,
       a.waits_for as "waitsFor", a.tries, d.principal, a.next_try_at as "nextTryAt", a.deadline_at as "deadlineAt",
       a.finished_at as "finishedAt"
     from attempts a join decisions d on d.id = a.decision_id
     where a.state = 'planned'
       or (a.state = 'failed' and a.waits_for is not null and a.finished_at > now() - interval '7 days')
     order by a.finished_at desc nulls first, a.next_try_at limit ${mostListed}`,
  );
  return rows;
}

/** The pauses that are on, the latest last. */
export async function listPauses(db: Queryable): Promise<Pause[]> {
  const { rows } = await db.query<Pause>(
    'select scope, by_principal as by, reason, since from paused_calls order by since, scope',
  );
  return rows;
}

/**
 * Lets calls rest: what is under way ends, and what comes waits until the pause ends or its own time is over.
 * @param scope `all`, or an account as `listJobs` and `gatehouse jobs accounts` name them
 * @param by principal or client
 */
export async function pauseCalls(pool: Pool, scope: string, reason: string, by: string): Promise<void> {
  await transaction(pool, async (tx) => {
    await tx.query(
      `insert into paused_calls (scope, reason, by_principal) values ($1, $2, $3)
       on conflict (scope) do update set reason = excluded.reason, by_principal = excluded.by_principal`,
      [scope, reason, by],
    );
    recordReceipts(tx, [{ kind: 'calls.paused', facts: { scope, reason, by } }]);
  });
}

/** Ends a pause. @throws GatehouseError `GH-TOOLS-082` where there is none */
export async function resumeCalls(pool: Pool, scope: string, by: string): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rowCount } = await tx.query('delete from paused_calls where scope = $1', [scope]);
    if (rowCount === 0)
      throw new GatehouseError('GH-TOOLS-082', `Nothing is paused as ${scope}.`, {
        status: 404,
        next: 'gatehouse jobs list shows what is.',
      });
    recordReceipts(tx, [{ kind: 'calls.resumed', facts: { scope, by } }]);
  });
}

/**
 * Has a call tried once more that was given up, under the approval that it had: a gateway comes for it within seconds, and
 * looks then whether all that it was decided under still holds.
 * @param seconds how long it is tried
 * @throws GatehouseError `GH-TOOLS-083` for one that was not given up, or whose approval or time is over
 */
export async function requeueCall(
  pool: Pool,
  attempt: string,
  { seconds, by }: { seconds: number; by: string },
): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ message_id: string; decision_id: string; tool: string }>(
      `update attempts a set state = 'planned', requeued = true, finished_at = null, result = null, receipt_id = null,
         next_try_at = now(), deadline_at = now() + make_interval(secs => $2), follow_up = true
       where id = $1 and state = 'failed' and waits_for is not null and finished_at > now() - $3::interval
         and not exists (select from approvals p where p.id = a.decision_id and p.deadline <= now())
       returning message_id, decision_id, tool`,
      [attempt, seconds, longestGivenUp],
    );
    const [row] = rows;
    if (!row)
      throw new GatehouseError('GH-TOOLS-083', `The call ${attempt} cannot be tried again.`, {
        status: 409,
        next: 'Only a call that was given up within 24 hours and whose approval has not expired can; else it is asked for again.',
      });
    const { message_id: messageId, decision_id: decisionId, tool } = row;
    recordReceipts(tx, [{ kind: 'calls.requeued', messageId, decisionId, facts: { attempt, tool, by } }]);
  });
}
