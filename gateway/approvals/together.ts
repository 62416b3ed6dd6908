import type { Queryable } from '../db/index.ts';
import { digest } from '../envelope/index.ts';
import { callsOnOneCard } from '../policy/index.ts';
import { buildCard, type Readers } from './card.ts';
import { findApprovals, lockApprovals, type ApprovalRow } from './store.ts';
import type { ApprovalsDeps, Card } from './types.ts';

/*
 * Calls of one gate that their requester has to confirm share a card: a document with eight tasks is one question. Their
 * binding is a digest over all of theirs, and one vote decides each of them or none.
 */

/** All that shares a card. */
export type OnCard = readonly [ApprovalRow, ...ApprovalRow[]];

/** Puts approvals together that share a card, in their order; one that stands alone is a list of one. */
export function byCard(rows: readonly ApprovalRow[]): OnCard[] {
  const cards = [...Map.groupBy(rows, cardIdOf).values()];
  return cards.flatMap(([first, ...others]) => (first ? [[first, ...others] as const] : []));
}

/** Builds the cards of approvals, as `cardOf`. */
export function cardsOf(deps: Readers, rows: readonly ApprovalRow[], viewer?: string): Card[] {
  return byCard(rows).map((card) => cardOf(deps, card, viewer));
}

/** What a card is called: by its approval, or by the first of several. */
export function cardIdOf({ card, id }: Pick<ApprovalRow, 'card' | 'id'>): string {
  return card ?? id;
}

/** The digest that a vote on a card carries; another set of calls, or one that differs, has another. */
export function bindingOfCard(rows: readonly ApprovalRow[]): string {
  const [first] = rows;
  if (!first?.card) return first?.binding ?? '';
  return digest(
    rows.map(({ id, binding }) => [id, binding] as const).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/** Over `a`: all that shares a card with approval `$1`, or it alone. */
const onCardOf = 'a.id = $1 or a.card = (select card from approvals where id = $1)';
const inOrder = `${onCardOf} order by a.item_index, a.id`;

/** Reads all that shares a card with an approval, or the approval alone. */
export async function findCard(db: Queryable, id: string): Promise<ApprovalRow[]> {
  return findApprovals(db, inOrder, [id]);
}

/**
 * Locks all that shares a card with an approval, in one go: two votes that each locked a call of their own first would
 * wait for each other for ever.
 * @returns the approvals; none where there is no such approval, or the card changed while its lock was waited for
 */
export async function lockCard(tx: Queryable, id: string): Promise<ApprovalRow[]> {
  const found = await tx.query<{ id: string }>(`select a.id from approvals a where ${onCardOf}`, [id]);
  const ids = found.rows.map((row) => row.id);
  const now = await lockApprovals(tx, ids, { where: inOrder, parameters: [id] });
  return now.every((row) => ids.includes(row.id)) ? now : [];
}

/**
 * Puts the confirmations of one gate on cards, some on each. What needs a second factor is confirmed by itself, and so is
 * what somebody changed.
 * @param rows pending approvals of one wait, locked, in their order
 * @returns them as they are now
 */
export async function shareCards(
  deps: Pick<ApprovalsDeps, 'isStrict'>,
  tx: Queryable,
  rows: readonly ApprovalRow[],
): Promise<ApprovalRow[]> {
  const alike = rows.filter(
    (row) =>
      row.kind === 'confirm' && row.requester !== null && row.edition === 0 && !deps.isStrict?.(row.tool),
  );
  for (let at = 0; at < alike.length; at += callsOnOneCard) {
    const ids = alike.slice(at, at + callsOnOneCard).map((row) => row.id);
    // One that is edited would leave the others waiting for it, so that none of several can be.
    await tx.query(
      `update approvals set card = case when $2 then $3 end, editable = editable and not $2 where id = any($1)`,
      [ids, ids.length > 1, ids[0]],
    );
  }
  return findApprovals(tx, 'a.id = any($1) order by a.item_index, a.id', [rows.map((row) => row.id)]);
}

/**
 * Builds what a person is shown of all that shares a card: the facts, sources and texts of each call, by its number.
 * @param rows all of one card
 * @param viewer as of `buildCard`
 */
export function cardOf(deps: Readers, rows: OnCard, viewer?: string): Card {
  const cards = rows.map((row) => buildCard(deps, row, viewer));
  const [first] = cards as [Card, ...Card[]];
  if (rows[0].card === null) return first;
  const numbered = <Entry extends { label: string }>(entries: Entry[], index: number): Entry[] =>
    entries.map((entry) => ({ ...entry, label: `${index + 1}. ${entry.label}` }));
  const previews = [...new Set(cards.map((card) => card.preview))];
  return {
    ...first,
    id: rows[0].card,
    calls: rows.length,
    state: cards.find((card) => card.state !== 'approved')?.state ?? 'approved',
    sentence: `${first.requester.display} asks for ${rows.length} calls together`,
    effect: `all ${rows.length} calls`,
    tool: [...new Set(cards.map((card) => card.tool))].join(', '),
    digest: digest(cards.map((card) => card.digest)),
    binding: bindingOfCard(rows),
    reasons: [
      ...new Map(cards.flatMap((card) => card.reasons).map((reason) => [reason.text, reason])).values(),
    ],
    facts: cards.flatMap((card, index) => [
      {
        label: `Call ${index + 1}`,
        value: card.sentence.slice(`${card.requester.display} asks to `.length),
        heading: true,
      },
      ...numbered(card.facts, index),
    ]),
    preview:
      previews.length === 1
        ? first.preview
        : cards.map((card, index) => `Call ${index + 1}: ${card.preview}`).join('\n'),
    provenance: cards.flatMap((card, index) => numbered(card.provenance, index)),
    quoted:
      cards
        .flatMap(({ quoted }, index) => (quoted === null ? [] : [`Call ${index + 1}\n${marked(quoted)}`]))
        .join('\n\n') || null,
    deadline: cards.map((card) => card.deadline).sort()[0] ?? first.deadline,
    mayVote: cards.every((card) => card.mayVote),
    mayApprove: cards.every((card) => card.mayApprove),
    whyNot: cards.find((card) => card.whyNot !== null)?.whyNot ?? null,
    mayEdit: false,
    editable: false,
    reason: [...new Set(cards.flatMap((card) => card.reason ?? []))].join(' ') || null,
  };
}

// No line of a text passes for the heading of the next one.
const marked = (text: string): string => text.replace(/^/gm, '│ ');
