import { recordReceipts } from '../audit/index.ts';
import type { Tool } from '../catalogue/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { GatehouseError } from '../config/index.ts';
import { digest } from '../envelope/index.ts';
import type { StandingOffer } from '../policy/index.ts';
import { isIntact } from './binding.ts';
import { outcomeText, progressText, waitingCard } from './notices.ts';
import { refusals } from './refusals.ts';
import { changedSignal, settleAll } from './settle.ts';
import { findApprovals, type ApprovalRow, type StoredVote } from './store.ts';
import { bindingOfCard, cardOf, findCard, lockCard, type OnCard } from './together.ts';
import { holderOf } from './tokens.ts';
import type { ApprovalsDeps, Ballot, Card, Verdict, VoteResult } from './types.ts';
import { countedVotes, freeSeat, givenVote, provenBy, relayed, voterOf, type Voter } from './voter.ts';

/** What one transaction found: a counted vote, or a refusal that is thrown once what it wrote is committed. */
type Counted = { result: VoteResult } | { refusal: GatehouseError };

/**
 * Counts a vote, for all that shares a card or for none of it. The lock makes votes of one approval follow each other,
 * whatever the channel, so that each sees the ones before it and exactly one of them decides.
 * @returns the state now; a repeat of the same vote gets the same answer and counts once
 * @throws GatehouseError `GH-APPROVAL-001` to `-010`: who may not vote, what was decided, shown otherwise or late
 */
export async function vote(deps: ApprovalsDeps, ballot: Ballot): Promise<VoteResult> {
  const counted = await transaction(deps.pool, async (tx): Promise<Counted> => {
    const [row, ...others] = await lockCard(tx, ballot.approvalId);
    return row ? count(deps, tx, [row, ...others], ballot) : { refusal: refusals.unknown() };
  });
  if ('result' in counted) return counted.result;
  deps.log.warn(
    { approval: ballot.approvalId, principal: ballot.principal, code: counted.refusal.code },
    'a vote was refused',
  );
  throw counted.refusal;
}

/**
 * Counts the vote of whoever holds a personal token, relayed by a client that cannot read or make one.
 * @throws GatehouseError as `vote`, `GH-APPROVAL-002` for a token that is missing, unknown or of another approval
 */
export async function voteByToken(
  deps: ApprovalsDeps,
  approvalId: string,
  token: string,
  verdict: Verdict,
  comment?: string | null,
  shown?: string,
): Promise<VoteResult> {
  const holder = await holderOf(deps.pool, approvalId, token);
  if (holder === null) throw refusals.token();
  const asked = await findApprovals(deps.pool, 'a.id = $1', [approvalId]);
  if (asked.some((row) => deps.isStrict?.(row.tool))) {
    throw refusals.signInFirst(`${deps.settings.publicUrl}/approvals/${approvalId}`);
  }
  return vote(deps, { approvalId, ...holder, verdict, comment, channel: relayed, shownDigest: shown });
}

async function count(deps: ApprovalsDeps, tx: Transaction, rows: OnCard, ballot: Ballot): Promise<Counted> {
  // Who may not decide learns nothing about how it stands.
  const voters: Voter[] = [];
  for (const row of rows) {
    const voter = await voterOf(deps, tx, row, ballot);
    if (voter instanceof GatehouseError) return { refusal: voter };
    if (!(await provenBy(deps, tx, row, ballot))) {
      return { refusal: refusals.factorNeeded(`${deps.settings.publicUrl}/approvals/${row.id}`) };
    }
    voters.push(voter);
  }
  if (!wasShown(rows, ballot)) return { refusal: refusals.changed() };
  const earlier: (StoredVote | undefined)[] = [];
  for (const row of rows) earlier.push(await givenVote(deps, tx, row, ballot.principal));
  if (earlier.every((given) => given?.verdict === ballot.verdict)) {
    return { result: progress(deps, rows, await countedVotes(deps, tx, rows[0]), ballot.principal) };
  }
  if (rows.some((row) => row.stale)) return { refusal: refusals.stale() };
  const decided = rows.find((row) => row.state !== 'pending');
  if (decided) return { refusal: refusals.decided(decided) };
  if (rows.some((row) => row.late)) {
    await settleAll(deps, tx, rows, { state: 'expired' });
    return { refusal: refusals.late() };
  }
  if (!rows.every(isIntact)) {
    await settleAll(deps, tx, rows, { state: 'cancelled', reason: refusals.notIntact().message });
    return { refusal: refusals.notIntact() };
  }
  if (earlier.some((given) => given !== undefined)) return { refusal: refusals.votedOtherwise() };
  const unusable = standingFault(deps, rows[0], ballot);
  if (unusable) return { refusal: unusable };
  const seats: string[] = [];
  for (const [index, row] of rows.entries()) {
    const seat = freeSeat(deps, row, voters[index] as Voter, ballot, await countedVotes(deps, tx, row));
    if (seat instanceof GatehouseError) return { refusal: seat };
    seats.push(seat);
  }
  const storing = rows.map((row, index) =>
    store(tx, row, ballot, voters[index] as Voter, seats[index] as string),
  );
  // Sent after the votes, so that it reads them.
  const [after] = await Promise.all([asNow(tx, rows), ...storing]);
  try {
    return { result: await conclude(deps, tx, after, ballot) };
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error;
    // No later vote could be granted either, so the question ends here instead of refusing everybody in turn.
    await settleAll(deps, tx, after, { state: 'cancelled', reason: error.message });
    return { refusal: error };
  }
}

/** Whether the voter was shown exactly this. No vote on several calls counts that does not say which ones it saw. */
function wasShown(rows: OnCard, { shownDigest }: Ballot): boolean {
  return shownDigest === undefined ? rows[0].card === null : sameDigest(bindingOfCard(rows), shownDigest);
}

/** The same approvals with what was just written; locked as they are, none of them is gone. */
async function asNow(tx: Transaction, rows: OnCard): Promise<OnCard> {
  return (await findCard(tx, rows[0].id)) as [ApprovalRow, ...ApprovalRow[]];
}

async function store(
  tx: Transaction,
  row: ApprovalRow,
  ballot: Ballot,
  { identity }: Voter,
  seat: string,
): Promise<void> {
  const comment = ballot.comment?.replaceAll('\0', '').toWellFormed().trim().slice(0, 2000) ?? '';
  // One person, one vote: whoever may vote again has this one instead.
  const before = row.votes.find((entry) => entry.principal === ballot.principal);
  const removed = before
    ? tx.query('delete from votes where approval_id = $1 and principal = $2', [row.id, ballot.principal])
    : null;
  // Sent at once: whoever called reads the votes right after.
  const added = tx.query(
    `insert into votes (approval_id, principal, verdict, comment, channel, shown_digest, seat, identity, authenticator,
       standing, voted_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp())`,
    [
      row.id,
      ballot.principal,
      ballot.verdict,
      comment === '' ? null : comment,
      ballot.channel,
      row.binding,
      seat,
      JSON.stringify(identity),
      ballot.authenticator ?? null,
      ballot.standing ? JSON.stringify(ballot.standing) : null,
    ],
  );
  await Promise.all([removed, added]);
  recordReceipts(tx, [
    {
      kind: 'approval.vote',
      messageId: row.messageId,
      decisionId: row.id,
      facts: {
        principal: ballot.principal,
        verdict: ballot.verdict,
        channel: ballot.channel,
        seat,
        identity: digest([identity.channel, identity.account, identity.id]),
        authenticator: ballot.authenticator === undefined ? null : digest(ballot.authenticator),
        shown: row.binding,
        commented: comment !== '',
        standing: Boolean(ballot.standing),
        ...(before ? { replaces: before.at } : {}),
      },
    },
  ]);
}

async function conclude(
  deps: ApprovalsDeps,
  tx: Transaction,
  rows: OnCard,
  ballot: Ballot,
): Promise<VoteResult> {
  if (ballot.verdict === 'reject') {
    const reason = rows[0].kind === 'confirm' ? 'It was not confirmed.' : 'An approver rejected it.';
    await settleAll(deps, tx, rows, { state: 'rejected', reason });
    return progress(deps, await asNow(tx, rows), [], ballot.principal);
  }
  const [row] = rows;
  const counted = await Promise.all(rows.map((entry) => countedVotes(deps, tx, entry)));
  const [ofFirst = []] = counted;
  if (rows.every((entry, index) => (counted[index]?.length ?? 0) >= entry.quorum)) {
    rows.forEach((entry, index) => noteUncounted(tx, entry, counted[index] ?? []));
    await settleAll(deps, tx, rows, { state: 'approved' });
    const settled = await asNow(tx, rows);
    const allowed = await allowLikeCalls(deps, tx, settled[0], ofFirst);
    const result = progress(deps, settled, ofFirst, ballot.principal);
    return allowed ? { ...result, message: `${result.message} Calls like it are allowed for now.` } : result;
  }
  tx.send({ text: 'select pg_notify($1, $2)', values: [changedSignal, row.id] });
  // A vote that replaces another one of the same person is news of its own.
  const by = ballot.authenticator === undefined ? [] : [digest(ballot.authenticator).slice(7, 19)];
  await deps.delivery.reply(tx, {
    messageId: row.messageId,
    id: [row.id, 'vote', ballot.principal, ...by].join(':'),
    body: waitingCard([openCard(deps, rows, ofFirst)]),
    final: false,
  });
  return progress(deps, rows, ofFirst, ballot.principal);
}

/** Keeps which approvals did not count, so that whoever reads the decision later is not told that they did. */
function noteUncounted(tx: Transaction, row: ApprovalRow, counted: readonly StoredVote[]): void {
  if (counted.length === row.votes.length) return;
  tx.send({
    text: 'update votes set uncounted = true where approval_id = $1 and principal <> all($2)',
    values: [row.id, counted.map(({ principal }) => principal)],
  });
}

/** Why a vote cannot ask for a standing grant as it does, or null. */
function standingFault(deps: ApprovalsDeps, row: ApprovalRow, ballot: Ballot): GatehouseError | null {
  if (!ballot.standing) return null;
  try {
    const approves = ballot.verdict === 'approve' && row.requester !== null;
    deps.policy.standing.check(ballot.standing, approves ? (likeIt(deps, row)?.offer ?? null) : null);
    return null;
  } catch (error) {
    if (error instanceof GatehouseError) return error;
    throw error;
  }
}

/** Makes the standing grant that everybody whose vote counted asked for. @returns whether there is one */
async function allowLikeCalls(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  approvals: readonly StoredVote[],
): Promise<boolean> {
  const asks = approvals.flatMap((vote) => vote.standing ?? []);
  const like = likeIt(deps, row);
  if (!like || asks.length < approvals.length) return false;
  await deps.policy.standing.grant(
    tx,
    {
      run: { sessionKey: row.sessionKey, principal: row.requester },
      tool: like.tool,
      args: like.args,
      approvalId: row.id,
      messageId: row.messageId,
      groups: row.groups,
      by: approvals.map((vote) => vote.principal),
    },
    asks,
    like.offer,
  );
  return true;
}

/** The call, and what a standing grant of calls like it may cover; null where there can be none. */
function likeIt(
  deps: ApprovalsDeps,
  row: ApprovalRow,
): { tool: Tool; args: Record<string, unknown>; offer: StandingOffer } | null {
  const { args } = row;
  const tool = deps.catalogue.get(row.tool);
  if (row.kind !== 'approve' || !tool || !args) return null;
  const offer = deps.policy.standing.offer({ tool, args }, row.quorum);
  return offer && { tool, args, offer };
}

/** An open card with the votes that count now: one of somebody who left the group since is no progress. */
function openCard(deps: ApprovalsDeps, rows: OnCard, counted: readonly StoredVote[]): Card {
  const card = cardOf(deps, rows);
  return { ...card, votes: card.votes.filter(({ principal }) => counts(counted, principal)) };
}

const counts = (counted: readonly StoredVote[], principal: string): boolean =>
  counted.some((vote) => vote.principal === principal);

/** What the voter is told: how it ended, or how far it is and whether their own vote is part of that. */
function progress(
  deps: ApprovalsDeps,
  rows: OnCard,
  counted: readonly StoredVote[],
  voter: string,
): VoteResult {
  const card = cardOf(deps, rows);
  if (card.state !== 'pending') return { state: card.state, message: outcomeText(card) };
  const own = counts(counted, voter)
    ? 'Your vote counts.'
    : 'Your vote does not count any more: its account, second factor or seat is not yours now.';
  return { state: card.state, message: `${own} ${progressText(openCard(deps, rows, counted))}` };
}

/** Whether a digest is the one that was shown, or begins with what was shown of it. */
export function sameDigest(digest: string, shown: string): boolean {
  const hex = shown.replace(/^sha256:/, '');
  return /^[0-9a-f]{8,64}$/.test(hex) && digest.startsWith(`sha256:${hex}`);
}
