import { transaction, whileAlone, type Queryable } from '../db/index.ts';
import { outcomeOf } from './card.ts';
import { deliver, pauseMs } from './deliver.ts';
import { outcomeType, type Wait } from './resume-call.ts';
import { settleAll } from './settle.ts';
import { findApprovals, latest, lockApprovals, type ApprovalRow } from './store.ts';
import type { ApprovalsDeps, Timing } from './types.ts';

const atOnce = 4;

/** Locks the approvals `$1` in the order in which everybody does: an update alone takes them as it finds them. */
const inOrder = `with mine as materialized (select id from approvals where id = any($1) order by id for no key update)`;

/**
 * Brings outcomes to the waiting runs. Its queue is the approvals without `delivered_at`; a wait is due once all its
 * approvals are settled. One gateway at a time works on a wait, under a lock that dies with its connection.
 */
export class Resumer {
  readonly #deps: ApprovalsDeps;
  readonly #timing: Timing;

  constructor(deps: ApprovalsDeps, timing: Timing) {
    this.#deps = deps;
    this.#timing = timing;
  }

  /** Delivers every outcome that is due. @returns milliseconds until the next one is, or null */
  async run(): Promise<number | null> {
    const due = await dueWaits(this.#deps.pool);
    for (let start = 0; start < due.length; start += atOnce) {
      await Promise.all(due.slice(start, start + atOnce).map((wait) => this.#deliver(wait)));
    }
    const { rows } = await this.#deps.pool.query<{ ms: number | null }>(
      `select extract(epoch from min(next_attempt_at) - clock_timestamp())::float8 * 1000 as ms from approvals
       where delivered_at is null and state <> 'pending' and next_attempt_at > clock_timestamp()`,
    );
    return rows[0]?.ms ?? null;
  }

  async #deliver(wait: Pick<Wait, 'executionId' | 'nodeId'>): Promise<void> {
    await whileAlone(this.#deps.pool, `resume:${wait.executionId}/${wait.nodeId}`, async () => {
      const rows = await waitRows(this.#deps.pool, wait);
      const first = rows[0];
      const open = rows.some((row) => row.state === 'pending');
      if (!first || open || rows.every((row) => row.deliveredAt !== null)) return;
      const { resumePath } = first;
      if (resumePath === null) return;
      await deliver(this.#deps, this.#timing, {
        wait: { ...first, resumePath },
        message: { type: outcomeType, items: rows.map((row) => outcomeOf(this.#deps, row)) },
        named: { approval: first.id },
        attempts: first.attempts,
        delivered: () => this.#delivered(rows),
        wasTaken: () => wasTaken(this.#deps.pool, first),
        again: () => this.#again(rows, first),
        giveUp: () => this.#undeliverable(rows),
        refusedForLong: () => this.#refusedForLong(first),
        retry: (refused) => this.#retry(rows, refused),
      });
    });
  }

  async #delivered(rows: ApprovalRow[]): Promise<void> {
    await transaction(this.#deps.pool, async (tx) => {
      const { rowCount } = await tx.query(
        `${inOrder} update approvals set delivered_at = now() where id in (select id from mine) and delivered_at is null`,
        [rows.map((row) => row.id)],
      );
      if (rowCount !== 0 && rows[0]) await this.#deps.delivery.runResumed(tx, rows[0].runId);
    });
  }

  /** A run that n8n lost, as in a crash, starts over and finds what was decided; nothing is decided or done twice. */
  #again(rows: ApprovalRow[], first: ApprovalRow): Promise<boolean> {
    return transaction(this.#deps.pool, async (tx) => {
      if (!(await this.#deps.delivery.runAgain(tx, first.runId))) return false;
      await tx.query(
        `${inOrder} update approvals set delivered_at = now()
         where id in (select id from mine) and delivered_at is null and run_id = $2`,
        [rows.map((row) => row.id), first.runId],
      );
      return true;
    });
  }

  /**
   * Gives the outcome up and takes its unspent grants back, so that nothing is done after people were told so.
   * @returns false, with nothing written, where a grant was spent meanwhile: the outcome did arrive
   */
  #undeliverable(rows: ApprovalRow[]): Promise<boolean> {
    const ids = rows.map((row) => row.id);
    return transaction(this.#deps.pool, async (tx) => {
      const locked = await lockApprovals(tx, ids);
      const grants = await tx.query<{ spent: boolean }>(
        `select consumed_at is not null as spent from grants where decision_id = any($1) for update`,
        [ids],
      );
      if (grants.rows.some((grant) => grant.spent)) return false;
      await tx.query('delete from grants where decision_id = any($1)', [ids]);
      const lost = locked.filter((row) => row.deliveredAt === null);
      await settleAll(this.#deps, tx, lost, {
        state: 'undeliverable',
        from: 'settled',
        reason: 'The workflow run that asked is gone.',
        runOver: true,
      });
      return true;
    });
  }

  async #retry(rows: ApprovalRow[], refused: boolean): Promise<void> {
    const pause = pauseMs(this.#timing, rows[0]?.attempts ?? 0);
    await this.#deps.pool.query(
      `${inOrder} update approvals set delivery_attempts = delivery_attempts + 1,
         next_attempt_at = clock_timestamp() + $2 * interval '1 ms',
         refused_since = case when $3 then coalesce(refused_since, clock_timestamp()) end
       where id in (select id from mine) and delivered_at is null`,
      [rows.map((row) => row.id), pause, refused],
    );
  }

  async #refusedForLong(row: ApprovalRow): Promise<boolean> {
    const { rows } = await this.#deps.pool.query<{ long: boolean | null }>(
      `select refused_since < clock_timestamp() - $2 * interval '1 ms' as long from approvals where id = $1`,
      [row.id, this.#timing.giveUp],
    );
    return rows[0]?.long === true;
  }
}

async function dueWaits(db: Queryable): Promise<Pick<Wait, 'executionId' | 'nodeId'>[]> {
  const { rows } = await db.query<Pick<Wait, 'executionId' | 'nodeId'>>(
    `select distinct a.execution_id as "executionId", a.node_id as "nodeId" from approvals a
     where a.delivered_at is null and not a.stale and a.state <> 'pending' and a.next_attempt_at <= clock_timestamp()
       and not exists (select 1 from approvals b where b.execution_id = a.execution_id and b.node_id = a.node_id
         and not b.stale and b.state = 'pending') limit 50`,
  );
  return rows;
}

function waitRows(db: Queryable, wait: Pick<Wait, 'executionId' | 'nodeId'>): Promise<ApprovalRow[]> {
  return findApprovals(
    db,
    `a.execution_id = $1 and a.node_id = $2 and not a.stale and ${latest} order by a.item_index, a.id`,
    [wait.executionId, wait.nodeId],
  );
}

// The run replied, ended, or spent a grant of this approval: none of that happens before the gate has its outcome.
async function wasTaken(db: Queryable, row: ApprovalRow): Promise<boolean> {
  const { rows } = await db.query(
    `select 1 from runs where id = $1 and state = 'done'
     union all select 1 from messages where id = $2 and state = 'done'
     union all select 1 from grants g join approvals a on a.id = g.decision_id
       where a.execution_id = $3 and a.node_id = $4 and not a.stale and g.consumed_at is not null limit 1`,
    [row.runId, row.messageId, row.executionId, row.nodeId],
  );
  return rows.length > 0;
}
