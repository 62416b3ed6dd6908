import canonicalize from 'canonicalize';
import { transaction, type Pool } from '../db/index.ts';
import { digest } from '../envelope/index.ts';
import { receiptColumns, receiptHash, type SealedReceipt, type StoredReceipt } from './chain.ts';
import { readHeads } from './heads.ts';
import { withoutSeal } from './unsealed.ts';
import { lastSealed } from './witness.ts';

/** What an export held, for the person who asked for it. */
export interface ExportSummary {
  receipts: number;
  unsealed: number;
  heads: number;
}

const page = 2000;

/**
 * Writes every receipt as JSON Lines, each line in canonical form (RFC 8785): a header, the sealed receipts in the
 * order of the chain, those not sealed yet, the heads, and a last line that counts them. Lines that the chain does not
 * cover carry a digest of their own, so that a changed byte anywhere is found.
 * @param writeLine takes one line without its newline
 * @param headsFile the sealer's heads file; without it the export holds the one head that Postgres shows
 */
export async function exportReceipts(
  pool: Pool,
  writeLine: (line: string) => void | Promise<void>,
  headsFile?: string,
): Promise<ExportSummary> {
  // Read before the snapshot: a head of this list that Postgres lacks is then proof of a cut.
  const heads = headsFile === undefined ? [] : await readHeads(headsFile);
  return transaction(pool, async (tx) => {
    await tx.query('set transaction isolation level repeatable read read only');
    const { rows } = await tx.query<{ now: Date }>('select clock_timestamp() as now');
    const exportedAt = (rows[0]?.now ?? new Date()).toISOString();
    await writeLine(own({ type: 'header', format: 'gatehouse-receipts', version: 1, exportedAt }));

    let receipts = 0;
    for (let from = 0; ; from += page) {
      const part = await tx.query<SealedReceipt>(
        `select ${receiptColumns}, position, previous, hash from sealed_receipts
         where position > $1 and position <= $2 order by position`,
        [from, from + page],
      );
      for (const receipt of part.rows) await writeLine(canonical({ type: 'receipt', ...receipt }));
      receipts += part.rows.length;
      if (part.rows.length === 0 && from >= (await lastSealed(tx)).position) break;
    }
    const tail = await tx.query<StoredReceipt>(
      `select ${receiptColumns} from receipts r where ${withoutSeal} order by arrival`,
    );
    for (const receipt of tail.rows) await writeLine(own({ type: 'unsealed', ...receipt }));

    const end = await lastSealed(tx);
    const known = heads.length === 0 && end.position > 0 ? [{ ...end, sealedAt: exportedAt }] : heads;
    for (const head of known) await writeLine(own({ type: 'head', ...head }));
    const summary = { receipts, unsealed: tail.rows.length, heads: known.length };
    await writeLine(own({ type: 'end', ...summary }));
    return summary;
  });
}

/** The canonical text of a line; verify refuses any other spelling of the same value. */
export function canonical(value: unknown): string {
  return canonicalize(value) ?? '';
}

/** The digest that a line outside the chain carries. */
export function ownDigest(line: Record<string, unknown>): string {
  const { digest: _, ...content } = line;
  return digest(content);
}

function own(line: Record<string, unknown>): string {
  return canonical({ ...line, digest: ownDigest(line) });
}

/** Whether a receipt's hash is the one its content and place give. */
export function isIntact(receipt: SealedReceipt): boolean {
  return receiptHash(receipt, receipt.position, receipt.previous) === receipt.hash;
}
