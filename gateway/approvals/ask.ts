import type { Transaction } from '../db/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { RunContext } from '../policy/index.ts';
import type { Identity } from '../sessions/index.ts';
import { seatCount, seatsOf } from './eligible.ts';
import { askingNotice, waitingCard } from './notices.ts';
import { changedSignal, noticeCard, settleAll } from './settle.ts';
import { senderOf, type ApprovalRow } from './store.ts';
import { bindingOfCard, byCard, cardIdOf, cardOf, type OnCard } from './together.ts';
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
  const cards = byCard(rows);
  // Nobody but the requester reads a direct conversation; elsewhere the link would show others their token.
  const [only] = cards.length === 1 ? (cards[0] ?? []) : [];
  const inReply =
    only?.kind === 'confirm' && only.confirmer === only.requester && run.channel.visibility === 'dm';
  const asked: OnCard[] = [];
  for (const card of cards) {
    const [row] = card;
    const fault = await askAbout(deps, tx, card, inReply);
    if (fault === null) asked.push(card);
    else {
      deps.log.error(
        { approval: row.id, tool: row.tool, groups: row.groups, fault },
        'an approval cannot be delivered',
      );
      await settleAll(deps, tx, card, { state: 'undeliverable', reason: fault });
    }
  }
  const [first] = asked;
  if (!first) return;
  await tx.query('select pg_notify($1, $2)', [changedSignal, first[0].id]);
  const body = waitingCard(asked.map((card) => cardOf(deps, card)));
  if (inReply) body.link = await confirmLink(deps, tx, first[0]);
  await deps.delivery.reply(tx, {
    messageId: first[0].messageId,
    id: `${cardIdOf(first[0])}:asked:${generation(first)}`,
    body,
    final: false,
  });
}

/** @returns why it cannot be delivered, or null once enough people were told */
async function askAbout(
  deps: ApprovalsDeps,
  tx: Transaction,
  card: OnCard,
  inReply: boolean,
): Promise<string | null> {
  const [row] = card;
  const seats = seatsOf(deps.people, row);
  const people = [...seats.keys()];
  const able = seatCount(seats, people);
  if (able < row.quorum) {
    return row.kind === 'confirm'
      ? 'Nobody is known who could confirm it.'
      : `It needs ${row.quorum} approvers other than the requester, and there are ${able}.`;
  }
  if (inReply) return null;
  const reached = await sendCards(deps, tx, card, people);
  return seatCount(seats, reached) >= row.quorum
    ? null
    : `Only ${reached.length} of ${people.length} approvers can be reached.`;
}

/**
 * Gives each of these people a card of their own, with a link that is theirs alone.
 * @param later whether they are asked because those before them did not decide
 * @returns those who could be reached
 */
export async function sendCards(
  deps: ApprovalsDeps,
  tx: Transaction,
  rows: OnCard,
  people: readonly string[],
  later = false,
): Promise<string[]> {
  const card = cardOf(deps, rows);
  const routes = await deps.delivery.notifyAll(
    tx,
    people.map((principal) => ({
      principal,
      id: `${card.id}:ask:${principal}:${generation(rows)}`,
      card: noticeCard(card.id, principal),
      body: async (identity) =>
        askingNotice(
          card,
          principal,
          await linkFor(deps, tx, rows[0], { principal, identity }),
          pageOf(deps, card.id),
          later,
        ),
    })),
  );
  const reached = people.filter((_, index) => (routes[index] ?? 0) > 0);
  for (const principal of people.filter((one) => !reached.includes(one)))
    deps.log.warn({ approval: card.id, principal }, 'an approver has no channel');
  await tx.query(
    'update approvals set asked = array(select distinct unnest(asked || $2::text[]) order by 1) where id = any($1)',
    [rows.map((row) => row.id), reached],
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

/**
 * Where a person decides: on n8n's form, or signed in, where the class is strict, the form shows an earlier edition, or
 * nothing waits in n8n.
 */
export async function linkFor(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  to: { principal: string; identity: Identity },
): Promise<{ label: string; url: string }> {
  const { resumePath } = row;
  if (resumePath === null || deps.isStrict?.(row.tool) || row.edition > 0)
    return { label: 'Sign in and decide', url: pageOf(deps, row.id) };
  return { label: 'Open the request', url: await personalLink(deps, tx, { ...row, resumePath }, to) };
}

// A redispatched run waits at another address, and a card may come to list other calls: people get it under a new id.
function generation(card: OnCard): string {
  return digestOfText(`${card[0].resumePath ?? ''}${card[0].card === null ? '' : bindingOfCard(card)}`).slice(
    7,
    19,
  );
}
