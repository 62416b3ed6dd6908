import type { Transaction } from '../db/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { RunContext } from '../policy/index.ts';
import type { Identity } from '../sessions/index.ts';
import { buildCard } from './card.ts';
import { seatCount, seatsOf } from './eligible.ts';
import { askingNotice, waitingCard } from './notices.ts';
import { noticeCard, settle } from './settle.ts';
import { senderOf, type ApprovalRow } from './store.ts';
import { personalLink } from './tokens.ts';
import type { ApprovalsDeps } from './types.ts';

/**
 * Asks everybody who may decide these pending approvals, and tells the requester who was asked. Where fewer people can
 * be reached than have to agree, the approval could only run into its deadline: it is `undeliverable` at once.
 */
export async function ask(
  deps: ApprovalsDeps,
  tx: Transaction,
  run: RunContext,
  rows: readonly ApprovalRow[],
): Promise<void> {
  const asked: ApprovalRow[] = [];
  for (const row of rows) {
    const fault = await askAbout(deps, tx, run, row);
    if (fault === null) asked.push(row);
    else {
      deps.log.error(
        { approval: row.id, tool: row.tool, groups: row.groups, fault },
        'an approval cannot be delivered',
      );
      await settle(deps, tx, row, { state: 'undeliverable', reason: fault });
    }
  }
  const first = asked[0];
  if (!first) return;
  const body = waitingCard(asked.map((row) => buildCard(deps, row)));
  if (asked.length === 1 && first.kind === 'confirm' && run.channel.visibility === 'dm') {
    // Nobody but the requester reads a direct conversation; elsewhere the link would show others their token.
    body.link = await confirmLink(deps, tx, first);
  }
  await deps.delivery.reply(tx, {
    message: { messageId: first.messageId },
    id: `${first.id}:asked:${generation(first)}`,
    body,
    final: false,
  });
}

/** @returns why it cannot be delivered, or null once enough people were told */
async function askAbout(
  deps: ApprovalsDeps,
  tx: Transaction,
  run: RunContext,
  row: ApprovalRow,
): Promise<string | null> {
  const seats = seatsOf(deps.people, row);
  const people = [...seats.keys()];
  const able = seatCount(seats, people);
  if (able < row.quorum) {
    return row.kind === 'confirm'
      ? 'Nobody is known who could confirm it.'
      : `It needs ${row.quorum} approvers other than the requester, and there are ${able}.`;
  }
  if (row.kind === 'confirm' && run.channel.visibility === 'dm') return null;
  const reached = await sendCards(deps, tx, row, people);
  return seatCount(seats, reached) >= row.quorum
    ? null
    : `Only ${reached.length} of ${people.length} approvers can be reached.`;
}

/**
 * Gives each of these people a card of their own, with a link that is theirs alone.
 * @returns those who could be reached
 */
export async function sendCards(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  people: readonly string[],
): Promise<string[]> {
  const card = buildCard(deps, row);
  const reached: string[] = [];
  for (const principal of people) {
    const routes = await deps.delivery.notify(tx, {
      principal,
      id: `${row.id}:ask:${principal}:${generation(row)}`,
      card: noticeCard(row.id, principal),
      body: async (identity) =>
        askingNotice(
          card,
          principal,
          await linkFor(deps, tx, row, { principal, identity }),
          pageOf(deps, row.id),
        ),
    });
    if (routes > 0) reached.push(principal);
    else deps.log.warn({ approval: row.id, principal }, 'an approver has no channel');
  }
  await tx.query(
    'update approvals set asked = array(select distinct unnest(asked || $2::text[]) order by 1) where id = $1',
    [row.id, reached],
  );
  return reached;
}

/** The link to a confirmation, for the conversation from which it was asked: the account there votes by it. */
async function confirmLink(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
): Promise<{ label: string; url: string }> {
  const principal = row.requester ?? '';
  const identity = await senderOf(tx, row.messageId);
  const page = { label: 'Sign in and decide', url: `${deps.settings.publicUrl}/approvals/${row.id}` };
  return identity ? linkFor(deps, tx, row, { principal, identity }) : page;
}

/** The request on the gateway's own page. */
export function pageOf(deps: Pick<ApprovalsDeps, 'settings'>, id: string): string {
  return `${deps.settings.publicUrl}/approvals/${id}`;
}

/** Where a person decides: on n8n's form, or signed in, where the class is strict or the form shows an earlier edition. */
export async function linkFor(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  to: { principal: string; identity: Identity },
): Promise<{ label: string; url: string }> {
  if (deps.isStrict?.(row.tool) || row.edition > 0)
    return { label: 'Sign in and decide', url: pageOf(deps, row.id) };
  return { label: 'Open the request', url: await personalLink(deps, tx, row, to) };
}

// A redispatched run waits at another address, so people get the new link under a new id.
function generation(row: ApprovalRow): string {
  return digestOfText(row.resumePath).slice(7, 19);
}
