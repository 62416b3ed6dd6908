import { recordReceipts } from '../audit/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { sendCards } from './ask.ts';
import { buildCard, displayOf } from './card.ts';
import { seatsOf } from './eligible.ts';
import { reminderNotice, waitingCard } from './notices.ts';
import { reminderCard } from './settle.ts';
import { findApprovals, lockApprovals, type ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';
import { givenVote } from './voter.ts';

/** What is done at a share of the time until the deadline: more groups are asked, or those asked are reminded. */
interface Step {
  after: number;
  groups: string[] | null;
}

const batch = 50;

/** @returns the steps of this tool's class in their order */
export function stepsOf(deps: Pick<ApprovalsDeps, 'classOf'>, tool: string): Step[] {
  const { escalate = [], remindAt = [] } = deps.classOf?.(tool) ?? {};
  return [...escalate, ...remindAt.map((after) => ({ after, groups: null }))].sort(
    (one, other) => one.after - other.after,
  );
}

/**
 * Takes the steps that are due, by Postgres's clock. A step and the count of those taken are one commit under the lock
 * of the approval, so that of several gateways one takes it, and a crash repeats none.
 * @returns milliseconds until the next, or null when none is to come
 */
export async function takeSteps(deps: ApprovalsDeps): Promise<number | null> {
  const { rows } = await deps.pool.query<{ id: string; ms: number }>(
    `select id, extract(epoch from next_step_at - clock_timestamp())::float8 * 1000 as ms from approvals
     where state = 'pending' and next_step_at is not null order by next_step_at limit $1`,
    [batch],
  );
  for (const { id } of rows.filter((row) => row.ms <= 0)) {
    await transaction(deps.pool, async (tx) => {
      const row = (await lockApprovals(tx, [id]))[0];
      if (row?.state === 'pending' && row.stepDue) await take(deps, tx, row);
    });
  }
  return rows.find((row) => row.ms > 0)?.ms ?? (rows.length === batch ? 0 : null);
}

async function take(deps: ApprovalsDeps, tx: Transaction, row: ApprovalRow): Promise<void> {
  const steps = stepsOf(deps, row.tool);
  const step = steps[row.stepsDone];
  await tx.query(
    `update approvals set steps_done = steps_done + 1, next_step_at = created_at + (deadline - created_at) * $2::float8
     where id = $1`,
    [row.id, steps[row.stepsDone + 1]?.after ?? null],
  );
  // What is late already is about to expire.
  if (!step || row.late) return;
  if (step.groups === null) await remind(deps, tx, row);
  else await escalate(deps, tx, row, step.groups);
}

/** Those who were asked before may still decide. */
async function escalate(
  deps: ApprovalsDeps,
  tx: Transaction,
  before: ApprovalRow,
  groups: readonly string[],
): Promise<void> {
  await tx.query(
    'update approvals set groups = array(select distinct unnest(groups || $2::text[])) where id = $1',
    [before.id, groups],
  );
  const row = (await findApprovals(tx, 'a.id = $1', [before.id]))[0] ?? before;
  const fresh = [...seatsOf(deps.people, row).keys()].filter((principal) => !row.asked.includes(principal));
  const reached = await sendCards(deps, tx, [row], fresh, true);
  attest(tx, row, 'approval.escalated', { groups: [...groups], people: reached });
  if (reached.length === 0) deps.log.error({ approval: row.id, groups }, 'an escalation reached nobody');
  const body = waitingCard([buildCard(deps, row)]);
  if (reached.length > 0) {
    const names = reached.map((principal) => displayOf(deps, principal)).join(', ');
    body.text = `${body.text}\nIt was not decided so far, so these are asked too: ${names}.`;
  }
  await deps.delivery.reply(tx, {
    messageId: row.messageId,
    id: `${row.id}:step:${row.stepsDone}`,
    body,
    final: false,
  });
}

/** Whoever was not asked yet, such as somebody who stands in since this morning, gets the card itself. */
async function remind(deps: ApprovalsDeps, tx: Transaction, row: ApprovalRow): Promise<void> {
  const given = new Set<string | null>();
  for (const { principal, seat } of row.votes)
    if (await givenVote(deps, tx, row, principal)) given.add(principal).add(seat);
  const silent = [...seatsOf(deps.people, row)]
    .filter(([principal, seats]) => !given.has(principal) && seats.some((seat) => !given.has(seat)))
    .map(([principal]) => principal);
  const known = silent.filter((principal) => row.asked.includes(principal));
  const body = reminderNotice(buildCard(deps, row), `${deps.settings.publicUrl}/approvals/${row.id}`);
  const reminded: string[] = [];
  for (const principal of known) {
    const reminder = `${row.stepsDone}:${principal}`;
    const card = reminderCard(row.id, reminder);
    const routes = await deps.delivery.notify(tx, { principal, id: card, card, body });
    if (routes > 0) reminded.push(reminder);
  }
  await tx.query('update approvals set reminded = reminded || $2::text[] where id = $1', [row.id, reminded]);
  const others = silent.filter((principal) => !known.includes(principal));
  const asked = others.length > 0 ? await sendCards(deps, tx, [row], others) : [];
  attest(tx, row, 'approval.reminded', { people: [...known, ...asked] });
}

function attest(
  tx: Transaction,
  row: ApprovalRow,
  kind: 'approval.escalated' | 'approval.reminded',
  facts: Record<string, string[]>,
): void {
  recordReceipts(tx, [{ kind, messageId: row.messageId, decisionId: row.id, facts }]);
}
