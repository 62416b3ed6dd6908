import type { Queryable } from '../db/index.ts';
import { receiptColumns, type StoredReceipt } from './chain.ts';

/** A receipt that has no place in the chain yet. */
export interface Unsealed extends StoredReceipt {
  /** Its seal names it by this. */
  arrival: number;
}

/** Of `receipts r`: those that have no place yet. It is found out by reading both tables, once a second for a million or two. */
export const withoutSeal = 'not exists (select from receipt_seals s where s.arrival = r.arrival)';

/** A transaction takes its `arrival` a moment before its number, and may be held up between the two. */
const graceMs = 60_000;

/**
 * Finds the receipts that have no place yet without reading those that have one. A transaction that took its `arrival`
 * early may commit late: one that was passed over is looked for until every transaction has ended that could write it.
 */
export class Search {
  /** What has a higher arrival was not looked at. */
  #through: number;
  /** Arrivals that were passed over, each with the first transaction that is too young to write it, and when that was. */
  readonly #passed = new Map<number, { young: number; at: number }>();
  /** Both tables are read once all transactions before this one have ended: at once, and when those of the start have. */
  readonly #readings: number[];
  /** All transactions before this one had ended before the latest look. */
  #ended = 0;

  private constructor(through: number, next: number) {
    this.#through = through;
    this.#readings = [0, next];
  }

  /** Begins at the end of the receipts; `next` finds what before it has no place. */
  static async start(db: Queryable): Promise<Search> {
    const { rows } = await db.query<{ through: number }>(
      'select coalesce(max(arrival), 0) as through from receipts',
    );
    const { next } = await transactions(db);
    return new Search(rows[0]?.through ?? 0, next);
  }

  /** @returns some `limit` receipts; those of one call are not found by another, and have to be sealed or searched anew */
  async next(db: Queryable, limit: number): Promise<Unsealed[]> {
    if ((this.#readings[0] ?? Infinity) <= this.#ended) await this.#readAll(db);
    const [{ rows }, { ended, next }] = await Promise.all([
      db.query<Unsealed>({
        name: 'unsealed-receipts',
        text: `(select ${receiptColumns}, arrival from receipts where arrival = any($1::bigint[]) limit $3)
          union all
          (select ${receiptColumns}, arrival from receipts where arrival > $2 order by arrival limit $3)
          order by arrival`,
        values: [[...this.#passed.keys()], this.#through, limit],
      }),
      transactions(db),
    ]);
    const at = performance.now();
    for (const { arrival } of rows) {
      if (this.#passed.delete(arrival)) continue;
      while (++this.#through < arrival) this.#passed.set(this.#through, { young: next, at });
    }
    if (rows.length < limit)
      for (const [arrival, passed] of this.#passed)
        if (passed.young <= this.#ended && at - passed.at > graceMs) this.#passed.delete(arrival);
    this.#ended = ended;
    return rows;
  }

  async #readAll(db: Queryable): Promise<void> {
    this.#readings.shift();
    const { rows } = await db.query<{ arrivals: number[] | null }>(
      `select json_agg(arrival) as arrivals from receipts r where arrival <= $1 and ${withoutSeal}`,
      [this.#through],
    );
    for (const arrival of rows[0]?.arrivals ?? []) this.#passed.set(arrival, { young: Infinity, at: 0 });
  }
}

/** @returns the transaction before which all have ended, and the one that begins next */
async function transactions(db: Queryable): Promise<{ ended: number; next: number }> {
  const { rows } = await db.query<{ ended: number; next: number }>(
    `select pg_snapshot_xmin(now)::text::bigint as ended, pg_snapshot_xmax(now)::text::bigint as next
     from pg_current_snapshot() as now`,
  );
  return rows[0] as { ended: number; next: number };
}
