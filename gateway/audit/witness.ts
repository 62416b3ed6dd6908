import { GatehouseError, type Logger } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import { genesis, receiptColumns, receiptHash, type Head, type SealedReceipt } from './chain.ts';

/** Where the chain ends. */
export interface ChainEnd {
  position: number;
  hash: string;
}

/** The last sealed receipt in Postgres, or the start of an empty chain. */
export async function lastSealed(db: Queryable): Promise<ChainEnd> {
  const { rows } = await db.query<ChainEnd>(
    'select position, hash from sealed_receipts order by position desc limit 1',
  );
  return rows[0] ?? { position: 0, hash: genesis };
}

/** The last place that was given away, also where its receipt is gone. */
async function lastSeal(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ last: number }>(
    'select coalesce(max(position), 0) as last from receipt_seals',
  );
  return rows[0]?.last ?? 0;
}

const chunk = 5000;
const rehashed = 1000;

/**
 * Compares the chain in Postgres with the heads that were kept outside it, and hashes its last thousand receipts
 * again. The whole chain is proven by `gatehouse audit verify`, which may take as long as it needs; this runs at
 * each start.
 * @throws GatehouseError `GH-AUDIT-001` (cut) or `GH-AUDIT-002` (rewritten), naming the position
 */
export async function compareWithHeads(db: Queryable, heads: readonly Head[], log?: Logger): Promise<void> {
  const end = await lastSealed(db);
  const last = heads.at(-1);
  if (!last && end.position > 0) {
    log?.warn(
      { position: end.position },
      'no earlier heads are known here; the chain is witnessed from now on',
    );
  }
  const sealed = Math.max(last?.position ?? 0, await lastSeal(db));
  if (sealed > end.position) {
    throw new GatehouseError(
      'GH-AUDIT-001',
      `The receipt chain was cut: ${sealed} receipts were sealed, Postgres holds ${end.position}.`,
      {
        status: 500,
        next: 'Put back the database that belongs to this heads file, or say that it is meant: npx gatehouse epoch bump --reason "…"',
      },
    );
  }
  for (let from = 0; from < heads.length; from += chunk)
    await compareChunk(db, heads.slice(from, from + chunk));
  await rehash(db, end);
}

async function compareChunk(db: Queryable, heads: readonly Head[]): Promise<void> {
  const { rows } = await db.query<ChainEnd>(
    'select position, hash from sealed_receipts where position = any($1::bigint[])',
    [heads.map((head) => head.position)],
  );
  const stored = new Map(rows.map((row) => [row.position, row.hash]));
  for (const head of heads) {
    if (stored.get(head.position) !== head.hash)
      throw rewritten(head.position, 'is not the receipt that was sealed there');
  }
}

async function rehash(db: Queryable, end: ChainEnd): Promise<void> {
  const { rows } = await db.query<SealedReceipt>(
    `select ${receiptColumns}, position, previous, hash from sealed_receipts where position > $1 order by position`,
    [end.position - rehashed],
  );
  let before: SealedReceipt | undefined;
  for (const receipt of rows) {
    const { position, previous, hash, id } = receipt;
    if (receiptHash(receipt, position, previous) !== hash) throw rewritten(position, `(${id}) was changed`);
    if (before && (before.position !== position - 1 || before.hash !== previous)) {
      throw rewritten(position, `(${id}) does not follow the receipt before it`);
    }
    before = receipt;
  }
}

function rewritten(position: number, what: string): GatehouseError {
  return new GatehouseError('GH-AUDIT-002', `The receipt chain was rewritten: receipt ${position} ${what}.`, {
    status: 500,
    next: 'Run gatehouse audit export and gatehouse audit verify with the heads file to see every difference.',
  });
}
