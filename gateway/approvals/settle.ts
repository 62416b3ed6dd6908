import { recordReceipts } from '../audit/index.ts';
import type { Transaction } from '../db/index.ts';
import { buildCard } from './card.ts';
import { closedNotice, endedTone, outcomeText } from './notices.ts';
import { findApprovals, type ApprovalRow } from './store.ts';
import type { ApprovalsDeps, ApprovalState } from './types.ts';

/** Wakes the resumer of any gateway once the transaction is committed. */
export const settledSignal = 'approvals_settled';

/**
 * Ends an approval in the caller's transaction, which holds its lock: state, grant, receipt, notices, and the place
 * in the resumer's queue are one commit.
 * @param options.from the state that it must be in now
 * @param options.replacedBy the edition that follows, where an edit ends this one
 * @param options.runOver true where no workflow is left to tell: the run ends here, and this is the last word
 * @returns the row as it is now, or null when it was settled otherwise already
 * @throws GatehouseError of the policy when an approved call may not be granted; nothing is written then
 */
export async function settle(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  options: {
    state: Exclude<ApprovalState, 'pending'>;
    reason?: string | null;
    from?: ApprovalState;
    runOver?: boolean;
    /** The edition that follows; its own card tells the requester. */
    replacedBy?: string;
  },
): Promise<ApprovalRow | null> {
  const { state, reason = null, from = 'pending', runOver = false, replacedBy } = options;
  if (row.state !== from) return null;
  // First, because it may refuse: rules that changed since the question was asked void the question.
  if (state === 'approved') await deps.policy.issueGrant(tx, row.id);
  const { rowCount } = await tx.query(
    `update approvals set state = $2, reason = $3, decided_at = coalesce(decided_at, clock_timestamp()),
       next_attempt_at = now(), delivered_at = case when $4 then now() end where id = $1 and state = $5`,
    [row.id, state, reason, runOver || replacedBy !== undefined, from],
  );
  if (rowCount !== 1) return null;
  const settled = (await findApprovals(tx, 'a.id = $1', [row.id]))[0] ?? row;
  recordReceipts(tx, [
    {
      kind: 'approval.outcome',
      messageId: row.messageId,
      decisionId: row.id,
      facts: {
        state,
        digest: row.digest,
        by: settled.votes.map((vote) => `${vote.verdict}:${vote.principal}`),
        ...(replacedBy === undefined ? {} : { replacedBy }),
      },
    },
  ]);
  if (replacedBy === undefined) await tellRequester(deps, tx, settled, runOver);
  await tellAsked(deps, tx, settled);
  if (runOver) await deps.delivery.runDone(tx, row.runId);
  await tx.query('select pg_notify($1, $2)', [settledSignal, row.id]);
  return settled;
}

async function tellRequester(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  final: boolean,
): Promise<void> {
  const card = buildCard(deps, row);
  const next = row.state === 'approved' ? ' It is being carried out.' : final ? ' Nothing was done.' : '';
  await deps.delivery.reply(tx, {
    message: { messageId: row.messageId },
    id: `${row.id}:${row.state}`,
    body: {
      text: `${card.effect}: ${outcomeText(card)}${next}`,
      tone: row.state === 'approved' ? 'waiting' : endedTone(row.state),
    },
    final,
  });
}

async function tellAsked(deps: ApprovalsDeps, tx: Transaction, row: ApprovalRow): Promise<void> {
  const card = buildCard(deps, row);
  for (const principal of row.asked) {
    await deps.delivery.notify(tx, {
      principal,
      id: `${row.id}:${row.state}:${principal}`,
      card: noticeCard(row.id, principal),
      body: closedNotice(card),
    });
  }
}

/** The card that groups all notices to one person about one approval. */
export function noticeCard(id: string, principal: string): string {
  return `${id}:${principal}`;
}
