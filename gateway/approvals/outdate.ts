import { recordReceipts } from '../audit/index.ts';
import { transaction } from '../db/index.ts';
import { buildCard } from './card.ts';
import { outdatedNotice } from './notices.ts';
import { showOnCopies } from './settle.ts';
import { lockApprovals } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

/**
 * Ends an approval whose call would do something else by now: its grant is void, also where all is as before again
 * later, and everybody who was asked is told what changed.
 * @param changes one sentence each
 * @returns false where the call ran under it meanwhile; it stays as it is then
 */
export async function outdate(
  deps: ApprovalsDeps,
  decisionId: string,
  changes: readonly string[],
): Promise<boolean> {
  return transaction(deps.pool, async (tx) => {
    const row = (await lockApprovals(tx, [decisionId]))[0];
    if (!row) return false;
    if (row.void) return true;
    const { rowCount } = await tx.query(
      'update grants set consumed_at = now() where decision_id = $1 and consumed_at is null',
      [row.id],
    );
    if (rowCount !== 1) return false;
    await tx.query('update approvals set void = $2 where id = $1', [row.id, JSON.stringify({ changes })]);
    recordReceipts(tx, [
      {
        kind: 'approval.outdated',
        messageId: row.messageId,
        decisionId: row.id,
        facts: { binding: row.binding, digest: row.digest, reasons: ['preview_changed'] },
      },
    ]);
    const body = outdatedNotice(buildCard(deps, row), changes);
    const { messageId } = row;
    await deps.delivery.reply(tx, { messageId, id: `${row.id}:outdated`, body, final: false });
    // On a card of several calls it stands beside how they all were decided, as a message of its own.
    const cardId = row.card === null ? row.id : `${row.id}:outdated`;
    await showOnCopies(deps, tx, row, { cardId, as: 'outdated', body });
    return true;
  });
}
