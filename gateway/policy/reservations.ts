import type { Queryable, Transaction } from '../db/index.ts';
import { leftInWords, type Charge } from './budgets.ts';

/** The rows of the charges in `$1`; the day is Postgres's. */
const rows = `select budget, holder, amount, allowed, unit,
    case when daily then (now() at time zone 'utc')::date else '-infinity' end as day
  from json_to_recordset($1) as t (budget text, holder text, daily boolean, amount bigint, allowed bigint, unit text)`;

/**
 * Takes what a call needs from its budgets, in the transaction that spends its grant. Where one has not enough left, that
 * transaction fails: see {@link exceededBudget}. Rows are locked in one order, so that two calls wait and never deadlock.
 */
export function reserve(tx: Transaction, decisionId: string, charges: readonly Charge[]): void {
  if (charges.length === 0) return;
  tx.send({
    name: 'reserve-budgets',
    text: `with given as (${rows}), taken as (
        insert into budgets as b (budget, holder, day, used, allowed)
        select budget, holder, day, amount, allowed from given order by budget, holder, day
        on conflict (budget, holder, day) do update set used = b.used + excluded.used, allowed = excluded.allowed
      ) insert into reservations (decision_id, budget, holder, day, amount, unit)
      select $2, budget, holder, day, amount, unit from given`,
    values: [JSON.stringify(charges), decisionId],
  });
}

/** Gives back what a call took that had no effect. Of one whose effect is unknown, everything stays taken. */
export function release(tx: Transaction, decisionId: string): void {
  tx.send({
    name: 'release-budgets',
    text: `with returned as (delete from reservations where decision_id = $1 returning budget, holder, day, amount),
      locked as (
        select budget, holder, day, amount from budgets join returned using (budget, holder, day)
        order by budget, holder, day for update of budgets
      ) update budgets b set used = b.used - locked.amount from locked
      where (b.budget, b.holder, b.day) = (locked.budget, locked.holder, locked.day)`,
    values: [decisionId],
  });
}

/**
 * Settles what a call took to what it used. More than it took counts up to the end of its budget: it happened, and the next
 * call finds nothing left.
 * @param used by unit; what it took of others stays as it is
 */
export function settleUsed(
  tx: Transaction,
  decisionId: string,
  used: Readonly<Record<string, number>>,
): void {
  tx.send({
    name: 'settle-used',
    text: `with locked as (
        select budget, holder, day, ($2::jsonb->>r.unit)::bigint as used,
          least(($2::jsonb->>r.unit)::bigint - r.amount, b.allowed - b.used) as change
        from budgets b join reservations r using (budget, holder, day)
        where r.decision_id = $1 and $2::jsonb ? r.unit order by budget, holder, day for update of b
      ), settled as (
        update budgets b set used = b.used + locked.change from locked
        where (b.budget, b.holder, b.day) = (locked.budget, locked.holder, locked.day)
      ) update reservations r set amount = locked.used from locked
      where r.decision_id = $1 and (r.budget, r.holder, r.day) = (locked.budget, locked.holder, locked.day)`,
    values: [decisionId, JSON.stringify(used)],
  });
}

/** Whether a transaction failed because a budget had not enough left. */
export function exceededBudget(error: unknown): boolean {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return code === '23514' && constraint === 'within_budget';
}

/** @returns which budgets have not enough left for a call, with what was used of each; empty where by now all have */
export async function shortCharges(
  db: Queryable,
  charges: readonly Charge[],
): Promise<{ charge: Charge; used: number }[]> {
  const { rows: found } = await db.query<{ budget: string; holder: string; used: number }>(
    `select budget, holder, used from (${rows}) as given join budgets using (budget, holder, day)`,
    [JSON.stringify(charges)],
  );
  return charges.flatMap((charge) => {
    const row = found.find(({ budget, holder }) => budget === charge.budget && holder === charge.holder);
    const used = row?.used ?? 0;
    return used + charge.amount > charge.allowed ? [{ charge, used }] : [];
  });
}

/** `shortCharges` in words. */
export async function shortBudgets(db: Queryable, charges: readonly Charge[]): Promise<string[]> {
  const short = await shortCharges(db, charges);
  return short.map(({ charge, used }) => `${charge.budget}: ${leftInWords(charge, used)}`);
}
