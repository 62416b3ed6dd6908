import { GatehouseError } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import { identityKey, type People } from '../sessions/index.ts';
import { findApprovals, type ApprovalRow } from './store.ts';
import { byCard, cardIdOf, cardOf, type OnCard } from './together.ts';
import type { ApprovalsDeps, Card } from './types.ts';
import { countedVotes, freeSeat, givenVote, voterOf } from './voter.ts';

/**
 * Cards as one person is shown them on our own pages. Whether they may vote is asked of the same functions that count
 * the vote, so that a card never offers what the vote would refuse: an account that is too new, a seat that is taken.
 */
export async function personalCards(
  deps: ApprovalsDeps,
  db: Queryable,
  shown: readonly OnCard[],
  viewer: string,
): Promise<Card[]> {
  const asking = { ...deps, people: onceEach(deps.people) };
  const cards: Card[] = [];
  for (const rows of shown) {
    const card = cardOf(deps, rows, viewer);
    if (!card.mayVote) cards.push(card);
    else {
      const each = [];
      for (const row of rows) each.push(await mayVote(asking, db, row, viewer));
      cards.push({
        ...card,
        mayVote: each.every((one) => one.mayVote),
        mayApprove: each.every((one) => one.mayApprove),
        whyNot: each.find((one) => one.whyNot !== null)?.whyNot ?? null,
      });
    }
  }
  return cards;
}

/** Reads what stands on these cards, each named by its first approval, in this order. */
export async function readCards(db: Queryable, ids: readonly string[]): Promise<OnCard[]> {
  const rows = await findApprovals(db, 'a.id = any($1) or a.card = any($1) order by a.item_index, a.id', [
    ids,
  ]);
  const cards = new Map(byCard(rows).map((card) => [cardIdOf(card[0]), card]));
  return ids.flatMap((id) => [cards.get(id)].filter((card) => card !== undefined));
}

async function mayVote(
  deps: ApprovalsDeps,
  db: Queryable,
  row: ApprovalRow,
  viewer: string,
): Promise<Pick<Card, 'mayVote' | 'mayApprove' | 'whyNot'>> {
  if (await givenVote(deps, db, row, viewer))
    return { mayVote: false, mayApprove: false, whyNot: 'You have voted.' };
  const ballot = { approvalId: row.id, principal: viewer, channel: 'web' };
  const voter = await voterOf(deps, db, row, { ...ballot, verdict: 'reject' });
  if (voter instanceof GatehouseError) return { mayVote: false, mayApprove: false, whyNot: voter.message };
  // Nobody's vote stands in the way of the first.
  const counted = row.votes.length === 0 ? [] : await countedVotes(deps, db, row);
  const rejects = freeSeat(deps, row, voter, { ...ballot, verdict: 'reject' }, counted);
  const approves = freeSeat(deps, row, voter, { ...ballot, verdict: 'approve' }, counted);
  return {
    mayVote: !(rejects instanceof GatehouseError),
    mayApprove: !(approves instanceof GatehouseError),
    whyNot: approves instanceof GatehouseError ? approves.message : null,
  };
}

/** The people, with who holds an account looked up once, for a list that asks about the same few again and again. */
export function onceEach(people: ApprovalsDeps['people']): ApprovalsDeps['people'] {
  const held = new Map<string, ReturnType<People['holder']>>();
  return {
    ...people,
    holder(db, identity) {
      const key = identityKey(identity.channel, identity.account, identity.id);
      const known = held.get(key) ?? people.holder(db, identity);
      held.set(key, known);
      return known;
    },
  };
}
