import type { Queryable } from '../db/index.ts';
import { readHeads } from './heads.ts';
import { withoutSeal } from './unsealed.ts';
import { compareWithHeads, lastSealed } from './witness.ts';

/** How the receipts stand at this moment. */
export interface ChainState {
  /** Receipts in the chain. */
  sealed: number;
  /** Heads that are kept outside Postgres, all of which agree. */
  heads: number;
  /** Receipts that are not in the chain yet, and how long the oldest of them has waited. */
  unsealed: number;
  oldestSeconds: number;
}

/**
 * Holds the chain in Postgres against the heads outside of it, as a start does, and looks at what is not sealed yet.
 * @throws GatehouseError `GH-AUDIT-001` to `-003`
 */
export async function chainState(db: Queryable, headsFile: string): Promise<ChainState> {
  // The heads first: a gateway that runs appends one only after its receipts are committed.
  const heads = await readHeads(headsFile);
  await compareWithHeads(db, heads);
  const { rows } = await db.query<{ unsealed: number; oldestSeconds: number }>(
    `select count(*) as unsealed,
       coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as "oldestSeconds"
     from receipts r where ${withoutSeal}`,
  );
  const { unsealed = 0, oldestSeconds = 0 } = rows[0] ?? {};
  return { sealed: (await lastSealed(db)).position, heads: heads.length, unsealed, oldestSeconds };
}
