import { recordReceipts } from '../audit/index.ts';
import type { Outgoing } from '../channels/index.ts';
import type { Transaction } from '../db/index.ts';
import { closedNotice, endedTone, outcomeText } from './notices.ts';
import { endedAs } from './refusals.ts';
import { findApprovals, type ApprovalRow } from './store.ts';
import { byCard, cardOf, type OnCard } from './together.ts';
import type { ApprovalsDeps, ApprovalState, Card } from './types.ts';

/** Wakes the resumer of any gateway once the transaction is committed. */
export const settledSignal = 'approvals_settled';

/** Tells open inboxes of any gateway, once the transaction is committed, that there is a new request or vote. */
export const changedSignal = 'approvals_changed';

/** How approvals end. */
export interface Ending {
  state: Exclude<ApprovalState, 'pending'>;
  reason?: string | null;
  /** Whether they wait for people now, or were settled before and only the word of it did not arrive. */
  from?: 'pending' | 'settled';
  /** No workflow is left to tell: the run ends here, and this is the last word. */
  runOver?: boolean;
  /** The edition that follows, where an edit ends this one; its own card tells the requester. */
  replacedBy?: string;
}

/**
 * Ends an approval in the caller's transaction, which holds its lock: state, grant, receipt, notices, and the place
 * in the resumer's queue are one commit.
 * @returns the row as it is now, or null when it was settled otherwise already
 * @throws GatehouseError of the policy when an approved call may not be granted; nothing is written then
 * @throws Error when the row is older than its lock: the transaction has to be rolled back
 */
export async function settle(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  ending: Ending,
): Promise<ApprovalRow | null> {
  return (await settleAll(deps, tx, [row], ending))[0] ?? null;
}

/** `settle` of several: all of them or, where one may not be granted, none. Those that share a card are told of together. */
export async function settleAll(
  deps: ApprovalsDeps,
  tx: Transaction,
  rows: readonly ApprovalRow[],
  ending: Ending,
): Promise<ApprovalRow[]> {
  const { from = 'pending' } = ending;
  const due = rows.filter((row) => (row.state === 'pending') === (from === 'pending'));
  // First, because it may refuse: rules that changed since the question was asked void the question.
  if (ending.state === 'approved') await grantAll(deps, tx, due);
  const settled: ApprovalRow[] = [];
  for (const row of due) settled.push(await end(tx, row, ending));
  for (const card of byCard(settled)) await tell(deps, tx, card, ending);
  if (ending.runOver) {
    for (const runId of new Set(settled.map((row) => row.runId))) await deps.delivery.runDone(tx, runId);
  }
  return settled;
}

async function grantAll(deps: ApprovalsDeps, tx: Transaction, rows: readonly ApprovalRow[]): Promise<void> {
  const ids = rows.map((row) => row.id);
  try {
    for (const id of ids) await deps.policy.issueGrant(tx, id);
  } catch (error) {
    await tx.query('delete from grants where decision_id = any($1) and consumed_at is null', [ids]);
    throw error;
  }
}

async function end(
  tx: Transaction,
  row: ApprovalRow,
  { state, reason = null, runOver = false, replacedBy }: Ending,
): Promise<ApprovalRow> {
  const [{ rowCount }, [settled = row]] = await Promise.all([
    tx.query(
      `update approvals set state = $2, reason = $3, decided_at = coalesce(decided_at, clock_timestamp()),
         next_attempt_at = now(), delivered_at = case when $4 or resume_path is null then now() end
       where id = $1 and state = $5`,
      [row.id, state, reason, runOver || replacedBy !== undefined, row.state],
    ),
    findApprovals(tx, 'a.id = $1', [row.id]),
  ]);
  // Thrown, so that no grant is kept of an approval that ended otherwise.
  if (rowCount !== 1) throw new Error(`approval ${row.id} was settled without its lock`);
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
  tx.send({ text: 'select pg_notify($1, $2)', values: [settledSignal, row.id] });
  return settled;
}

async function tell(
  deps: ApprovalsDeps,
  tx: Transaction,
  rows: OnCard,
  { replacedBy, runOver = false }: Ending,
): Promise<void> {
  const card = cardOf(deps, rows);
  if (replacedBy === undefined) {
    await tellRequester(deps, tx, rows[0], card, runOver);
    await closeQuestions(deps, tx, rows[0]);
  }
  await close(deps, tx, rows[0], card);
}

async function tellRequester(
  deps: ApprovalsDeps,
  tx: Transaction,
  { messageId, state }: ApprovalRow,
  card: Card,
  final: boolean,
): Promise<void> {
  const next = state === 'approved' ? ' It is being carried out.' : final ? ' Nothing was done.' : '';
  await deps.delivery.reply(tx, {
    messageId,
    id: `${card.id}:${state}`,
    body: {
      text: `${card.effect}: ${outcomeText(card)}${next}`,
      tone: state === 'approved' ? 'waiting' : endedTone(state),
    },
    final,
  });
}

/** Shows how it ended on each message that asked for it. */
async function close(deps: ApprovalsDeps, tx: Transaction, row: ApprovalRow, card: Card): Promise<void> {
  await showOnCopies(deps, tx, row, { cardId: card.id, as: row.state, body: closedNotice(card) });
}

/**
 * Shows the same on every copy of a card: those of everybody who was asked, and the reminders of it, which are messages
 * of their own.
 * @param shown.as makes it the same notice when it is sent again
 */
export async function showOnCopies(
  deps: Pick<ApprovalsDeps, 'delivery'>,
  tx: Transaction,
  row: Pick<ApprovalRow, 'id' | 'asked' | 'reminded'>,
  { cardId, as, body }: { cardId: string; as: string; body: Outgoing },
): Promise<void> {
  const cards = row.asked.map((principal) => {
    const card = noticeCard(cardId, principal);
    return { principal, id: `${cardId}:${as}:${principal}`, card, body };
  });
  const reminders = row.reminded.map((reminder) => {
    const card = reminderCard(row.id, reminder);
    return { principal: reminder.slice(reminder.indexOf(':') + 1), id: `${card}:${as}`, card, body };
  });
  await deps.delivery.notifyAll(tx, [...cards, ...reminders]);
}

/** The questions that nobody answered in time need no answer any more. */
async function closeQuestions(deps: ApprovalsDeps, tx: Transaction, row: ApprovalRow): Promise<void> {
  for (const question of row.questions.filter((entry) => entry.answer === null)) {
    await deps.delivery.notify(tx, {
      principal: row.requester ?? '',
      id: `${question.id}:closed`,
      card: question.id,
      body: {
        text: `The request was ${endedAs(row.state)}; no answer is needed any more.`,
        tone: 'answered',
      },
    });
  }
}

/** The card that groups all notices to one person about one approval. */
export function noticeCard(id: string, principal: string): string {
  return `${id}:${principal}`;
}

/** The card of one reminder, `step:principal` as it is kept in `reminded`. */
export function reminderCard(id: string, reminder: string): string {
  return `${id}:step:${reminder}`;
}
