import type { GatehouseError } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import { identityKey, type Identity } from '../sessions/index.ts';
import { displayOf } from './card.ts';
import { seatsOf } from './eligible.ts';
import { refusals } from './refusals.ts';
import type { ApprovalRow, StoredVote } from './store.ts';
import type { ApprovalsDeps, Ballot } from './types.ts';

/** The channel of votes that n8n relayed; all of them together fill one seat, because n8n is one program. */
export const relayed = 'n8n-form';

/** Somebody who may decide this approval, by the account that they used. */
export interface Voter {
  identity: Identity;
  seats: string[];
}

/**
 * Finds out whether a ballot comes from somebody who may decide. An account speaks for the person who holds it now, and
 * never about what was asked from it or by its holder.
 */
export async function voterOf(
  deps: Pick<ApprovalsDeps, 'people'>,
  tx: Queryable,
  row: ApprovalRow,
  ballot: Ballot,
): Promise<Voter | GatehouseError> {
  const identity = ballot.identity ?? (ballot.channel === 'web' ? webIdentity(ballot.principal) : null);
  const holder = identity && (await deps.people.holder(tx, identity));
  if (!identity || holder?.principal !== ballot.principal) return refusals.notTheirs();
  const own = ballot.principal === row.requester || includes(row.requesterIdentities, identity);
  if (row.kind === 'approve' && own) return refusals.ownRequest();
  if (!holder.mayVote) return refusals.tooNew(holder.votesFrom);
  const seats = seatsOf(deps.people, row).get(ballot.principal);
  return seats ? { identity, seats } : refusals.notAnApprover();
}

/**
 * The approvals that make up the quorum now: of people who may still decide, by accounts that are still theirs, one for
 * each seat, account and authenticator. Somebody who has left the group since voting counts no more.
 */
export async function countedVotes(
  deps: Pick<ApprovalsDeps, 'people'>,
  tx: Queryable,
  row: ApprovalRow,
): Promise<StoredVote[]> {
  const seats = seatsOf(deps.people, row);
  const counted: StoredVote[] = [];
  for (const vote of row.votes) {
    const { principal, verdict, seat, identity } = vote;
    if (verdict !== 'approve' || seat === null || identity === null) continue;
    const holder = await deps.people.holder(tx, identity);
    const valid = holder?.principal === principal && seats.get(principal)?.includes(seat);
    if (valid && !counted.some((other) => sameSource(other, vote))) counted.push(vote);
  }
  return counted;
}

/**
 * Which seat an approval fills.
 * @returns the refusal where the person, the account or the authenticator has its vote already
 */
export function freeSeat(
  deps: Pick<ApprovalsDeps, 'people' | 'settings'>,
  row: ApprovalRow,
  voter: Voter,
  ballot: Ballot,
  counted: readonly StoredVote[],
): string | GatehouseError {
  const { identity, seats } = voter;
  const { authenticator } = ballot;
  const used = row.votes.some(
    (vote) =>
      (vote.identity !== null && keyOf(vote.identity) === keyOf(identity)) ||
      (authenticator !== undefined && vote.authenticator === authenticator),
  );
  if (used) return refusals.sourceVoted();
  const [first = ballot.principal] = seats;
  // A rejection ends it, whoever's seat it is.
  if (ballot.verdict === 'reject') return first;
  const seat = seats.find((free) => !counted.some((vote) => vote.seat === free));
  if (seat === undefined) return refusals.seatTaken(displayOf(deps, first));
  if (ballot.channel === relayed && counted.some((vote) => vote.channel === relayed)) {
    return refusals.oneRelayed(`${deps.settings.publicUrl}/approvals/${row.id}`);
  }
  return seat;
}

/** The account of a signed-in person on our own pages. */
export function webIdentity(principal: string): Identity {
  return { channel: 'web', account: 'local', id: principal };
}

function sameSource(one: StoredVote, other: StoredVote): boolean {
  return (
    one.seat === other.seat ||
    (one.authenticator !== null && one.authenticator === other.authenticator) ||
    (one.channel === relayed && other.channel === relayed)
  );
}

function includes(identities: readonly Identity[], one: Identity): boolean {
  return identities.some((identity) => keyOf(identity) === keyOf(one));
}

function keyOf({ channel, account, id }: Identity): string {
  return identityKey(channel, account, id);
}
