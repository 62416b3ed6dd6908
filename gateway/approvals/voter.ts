import type { GatehouseError } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import { identityKey, type Identity, type People } from '../sessions/index.ts';
import { displayOf } from './card.ts';
import { seatsOf } from './eligible.ts';
import { refusals } from './refusals.ts';
import type { ApprovalRow, StoredVote } from './store.ts';
import type { ApprovalsDeps, Ballot } from './types.ts';

/** The channel of votes that n8n relayed; all of them together fill one seat, because n8n is one program. */
export const relayed = 'n8n-form';

/** A session of the web is its person's account there, and so is one of a terminal, which such a session let in. */
const ofBrowser: ReadonlySet<string> = new Set(['web', 'terminal']);

/** Somebody who acts on an approval, by the account that its channel proved. */
export type Actor = Pick<Ballot, 'principal' | 'channel' | 'identity'>;

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
  const account = await accountOf(deps, tx, ballot);
  if (!account) return refusals.notTheirs();
  const { identity, holder } = account;
  const own = ballot.principal === row.requester || includes(row.requesterIdentities, identity);
  if (row.kind === 'approve' && own) return refusals.ownRequest();
  if (!holder.mayVote) return refusals.tooNew(holder.votesFrom);
  if (row.proposers.includes(ballot.principal)) return refusals.ownEdit();
  const seats = seatsOf(deps.people, row).get(ballot.principal);
  return seats ? { identity, seats } : refusals.notAnApprover();
}

/** Whether a vote was confirmed by a second factor that is its voter's now; only strict calls need one. */
export async function provenBy(
  deps: Pick<ApprovalsDeps, 'isStrict' | 'factors'>,
  tx: Queryable,
  row: Pick<ApprovalRow, 'tool'>,
  { principal, authenticator }: { principal: string; authenticator?: string | null },
): Promise<boolean> {
  if (!deps.isStrict?.(row.tool)) return true;
  return authenticator ? ((await deps.factors?.holds(tx, principal, authenticator)) ?? false) : false;
}

/**
 * The vote that somebody gave and that keeps them from another one. One that their second factor does not confirm any
 * more is none: it was replaced or taken away, and whoever voted by it may vote again.
 */
export async function givenVote(
  deps: Pick<ApprovalsDeps, 'isStrict' | 'factors'>,
  db: Queryable,
  row: ApprovalRow,
  principal: string,
): Promise<StoredVote | undefined> {
  const vote = row.votes.find((entry) => entry.principal === principal);
  return vote && (await provenBy(deps, db, row, vote)) ? vote : undefined;
}

/**
 * Why somebody may not act on an approval as who they say, or null: what is done besides voting needs as much proof as a
 * vote. What they may do is asked apart.
 */
export async function unproven(
  deps: Pick<ApprovalsDeps, 'people'>,
  db: Queryable,
  actor: Actor,
): Promise<GatehouseError | null> {
  const account = await accountOf(deps, db, actor);
  if (!account) return refusals.notTheirs();
  return account.holder.mayVote ? null : refusals.tooNew(account.holder.votesFrom);
}

async function accountOf(
  deps: Pick<ApprovalsDeps, 'people'>,
  db: Queryable,
  { principal, channel, identity = ofBrowser.has(channel) ? webIdentity(principal) : undefined }: Actor,
): Promise<{ identity: Identity; holder: NonNullable<Awaited<ReturnType<People['holder']>>> } | null> {
  const holder = identity && (await deps.people.holder(db, identity));
  return identity && holder?.principal === principal ? { identity, holder } : null;
}

/**
 * The approvals that make up the quorum now: of people who may still decide, by accounts and second factors that are
 * still theirs, one for each seat, account and authenticator, and for what the approval is bound to. Somebody who has
 * left the group since voting counts no more.
 */
export async function countedVotes(
  deps: Pick<ApprovalsDeps, 'people' | 'isStrict' | 'factors'>,
  tx: Queryable,
  row: ApprovalRow,
): Promise<StoredVote[]> {
  const seats = seatsOf(deps.people, row);
  const counted: StoredVote[] = [];
  for (const vote of row.votes) {
    const { principal, verdict, seat, identity, shown } = vote;
    if (verdict !== 'approve' || shown !== row.binding || seat === null || identity === null) continue;
    const holder = await deps.people.holder(tx, identity);
    const valid =
      holder?.principal === principal &&
      seats.get(principal)?.includes(seat) &&
      (await provenBy(deps, tx, row, vote));
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
  // The voter's own earlier vote is one that does not stand, or they would not be asked for a seat.
  const used = row.votes.some(
    (vote) =>
      vote.principal !== ballot.principal &&
      ((vote.identity !== null && keyOf(vote.identity) === keyOf(identity)) ||
        vote.authenticator === authenticator),
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
