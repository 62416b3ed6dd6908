import type { Outgoing } from '../channels/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import type { Click } from '../delivery/index.ts';
import type { RunContext } from '../policy/index.ts';
import { outcomeOf } from './card.ts';
import { handleClick } from './clicks.ts';
import { closeStopped, expireLate } from './closing.ts';
import { edit } from './edit.ts';
import { editByForm, editForm, type EditField } from './edit-form.ts';
import { maySee } from './eligible.ts';
import { takeSteps } from './escalation.ts';
import { inbox, type Inbox, type InboxWish } from './inbox.ts';
import { closeOutdated } from './old-rules.ts';
import { outdate } from './outdate.ts';
import { answer, askBack } from './questions.ts';
import { refusals } from './refusals.ts';
import { register } from './register.ts';
import { Resumer } from './resumer.ts';
import { report, type ApprovalReport } from './report.ts';
import { reportRows, type ReportRow } from './report-rows.ts';
import { lists, parametersOf, scopeOf } from './scope.ts';
import { changedSignal, settleAll, settledSignal } from './settle.ts';
import { revokeStanding, standingOf, type StandingCard } from './standing.ts';
import { findApprovals, findLatest, lockLatest } from './store.ts';
import { personalCards, readCards } from './personal.ts';
import { byCard, cardOf, cardsOf, findCard, lockCard } from './together.ts';
import { personalLink } from './tokens.ts';
import type {
  ApprovalsDeps,
  Ballot,
  Card,
  Edit,
  Edited,
  Gate,
  Outcome,
  Registered,
  Timing,
  Verdict,
  VoteResult,
} from './types.ts';
import { vote, voteByToken } from './vote.ts';
import { webIdentity, type Actor } from './voter.ts';
import { Worker } from './worker.ts';

/** Requests, votes, deadlines, and the outcomes on their way back to n8n. */
export interface Approvals {
  /**
   * Registers the wait of one gate and asks its approvers. Called again, it asks nobody twice and keeps votes.
   * @throws GatehouseError `GH-APPROVAL-012` (decision), `GH-APPROVAL-013` (resume path)
   */
  register(run: RunContext, gate: Gate): Promise<Registered>;
  /**
   * What a person is shown. With a viewer who may vote, it holds a fresh personal link to the n8n form, if wanted.
   * @param viewer must have asked, be able to decide or have voted; without one the caller is a client of the API
   * @throws GatehouseError `GH-APPROVAL-001` (404)
   */
  card(id: string, viewer?: string, wanted?: { link: boolean }): Promise<Card>;
  /** Counts a vote of a proven person. @throws GatehouseError 403, 404 or 409 that says why it did not count */
  vote(ballot: Ballot): Promise<VoteResult>;
  /** Counts a vote by its personal token. @throws GatehouseError as `vote`, 403 for a wrong token */
  voteByToken(
    id: string,
    token: string,
    verdict: Verdict,
    comment?: string | null,
    shown?: string,
  ): Promise<VoteResult>;
  /**
   * The first 200 open approvals that this person may decide and has not voted on, soonest deadline first.
   * @param begins how the id begins of those that are meant
   */
  pendingFor(principal: string, begins?: string): Promise<Card[]>;
  /** Open approvals that this person asked for. */
  requestedBy(principal: string): Promise<Card[]>;
  /** A page of a person's inbox: what they may see, and nothing else, whatever is asked for. */
  inbox(viewer: string, wish: InboxWish): Promise<Inbox>;
  /** Who decided what, how fast, and which rules were always approved, over the last `days`. */
  report(days: number): Promise<ApprovalReport>;
  reportRows(days: number): Promise<ReportRow[]>;
  /** Calls `handler` when an approval was asked, voted on or ended, in any gateway. @returns how to stop it */
  onChange(handler: () => void): () => void;
  /** @see openCards */
  listOpen(wanted?: OpenWish): Promise<OpenCards>;
  /** Takes a request back. @throws GatehouseError 403 for anybody but the requester, 404, 409 once decided */
  cancel(id: string, principal: string): Promise<VoteResult>;
  /**
   * The fields that a person may change of a pending request, filled as it is now.
   * @throws GatehouseError `GH-APPROVAL-001`, `-021`, `-022`
   */
  editForm(id: string, viewer: string): Promise<EditField[]>;
  /** Asks about a changed call in place of this one. @throws GatehouseError as edit.ts says; the request stays as it was */
  edit(change: Edit): Promise<Edited>;
  /** `edit` by the texts of a form. @throws GatehouseError `GH-APPROVAL-023` for a field that is not usable, and as `edit` */
  editByForm(change: Omit<Edit, 'args'> & { values: Record<string, string> }): Promise<Edited>;
  /** Asks the requester something before deciding. @throws GatehouseError as questions.ts says */
  askBack(asked: Actor & { approvalId: string; question: string }): Promise<void>;
  /** Takes the requester's answer. @throws GatehouseError as questions.ts says */
  answer(given: Actor & { approvalId: string; questionId: string; answer: string }): Promise<void>;
  /** Standing grants that can still be used; with a viewer, those that they can end. */
  standing(viewer?: string): Promise<StandingCard[]>;
  /** Ends a standing grant at once. @throws GatehouseError `GH-APPROVAL-034` for all but its user and its approvers */
  revokeStanding(id: string, actor: Actor): Promise<void>;
  /**
   * How these requests ended, for a part of the gateway that waits for them itself.
   * @param roots the decisions that were registered
   * @returns by that decision; one that is still open is missing
   */
  outcomes(roots: readonly string[]): Promise<Map<string, Outcome>>;
  /** Takes back what is still open of these requests, because nobody waits for them any more. */
  withdraw(tx: Transaction, roots: readonly string[], reason: string): Promise<void>;
  /** Ends an approval whose call would do something else by now. @returns false where it ran meanwhile */
  outdate(decisionId: string, changes: readonly string[]): Promise<boolean>;
  /** Handles a click that a channel proved; register it with delivery's `onAction`. @returns what the clicker is shown */
  click(click: Click): Promise<Outgoing | null>;
  /** Ends, in turns, what was asked under other rules than those in force now. Call it after each reload of the policy. */
  rulesReloaded(): void;
  /** Starts the resumer, the deadline job, and the look at what was asked under other rules. */
  start(): Promise<void>;
  /** Stops them and waits for what is under way. */
  stop(): Promise<void>;
}

const timing: Timing = { poll: 1000, executionPoll: 10_000, retry: 250, giveUp: 90_000, request: 10_000 };

/** Builds the approvals room; nothing runs before `start`. */
export function createApprovals(deps: ApprovalsDeps): Approvals {
  const times = { ...timing, ...deps.timing };
  const resumer = new Resumer(deps, times);
  let lookedAt = 0;
  // The start counts as one: the rules may have changed, or the database been restored, while no gateway ran.
  let reloads = 1;
  let reloadsSwept = 0;
  const worker = new Worker(
    async () => {
      const deadline = await expireLate(deps);
      if (performance.now() - lookedAt >= times.executionPoll) {
        lookedAt = performance.now();
        await closeStopped(deps);
      }
      const delivery = await resumer.run();
      const step = await takeSteps(deps);
      const reload = reloads;
      if (reloadsSwept < reload) {
        if (await closeOutdated(deps)) return 0;
        reloadsSwept = reload;
      }
      return Math.min(times.poll, deadline ?? times.poll, step ?? times.poll, delivery ?? times.poll);
    },
    times.poll,
    deps.log,
  );
  let unlisten = (): void => undefined;

  return {
    register: (run, gate) => register(deps, run, gate),
    card: (id, viewer, wanted) => showCard(deps, id, viewer, wanted),
    vote: (ballot) => vote(deps, ballot),
    voteByToken: (...given) => voteByToken(deps, ...given),
    async pendingFor(principal, begins = '') {
      const { rows } = await deps.pool.query<{ id: string }>(
        `select a.id from approvals a where ${lists.needed} and starts_with(a.id, $4) order by a.deadline limit 200`,
        [...parametersOf(scopeOf(deps, principal, deps.clock())), begins],
      );
      const waiting = await readCards(
        deps.pool,
        rows.map((row) => row.id),
      );
      const cards = await personalCards(deps, deps.pool, waiting, principal);
      return cards.filter((card) => card.mayApprove);
    },
    async requestedBy(principal) {
      const rows = await findApprovals(
        deps.pool,
        `a.state = 'pending' and a.requester = $1 order by a.created_at desc limit 200`,
        [principal],
      );
      return cardsOf(deps, rows, principal);
    },
    inbox: (viewer, wish) => inbox(deps, viewer, wish),
    report: (days) => report(deps, days),
    reportRows: (days) => reportRows(deps, days),
    onChange(handler) {
      const stops = [settledSignal, changedSignal].map((signal) => deps.signals.on(signal, handler));
      return () => stops.forEach((stop) => stop());
    },
    listOpen: (wanted) => openCards(deps, wanted),
    cancel: (id, principal) => cancel(deps, id, principal),
    editForm: (id, viewer) => editForm(deps, id, viewer),
    edit: (change) => edit(deps, change),
    editByForm: (change) => editByForm(deps, change),
    askBack: (asked) => askBack(deps, asked),
    answer: (given) => answer(deps, given),
    standing: (viewer) => standingOf(deps, viewer),
    revokeStanding: (id, actor) => revokeStanding(deps, id, actor),
    async outcomes(roots) {
      const rows = (await findLatest(deps.pool, roots)).filter(({ state }) => state !== 'pending');
      return new Map(rows.map((row) => [row.root, outcomeOf(deps, row)]));
    },
    async withdraw(tx, roots, reason) {
      const open = (await lockLatest(tx, roots)).filter(({ state }) => state === 'pending');
      await settleAll(deps, tx, open, { state: 'cancelled', reason });
    },
    outdate: (decisionId, changes) => outdate(deps, decisionId, changes),
    click: (click) => handleClick(deps, click),
    rulesReloaded() {
      reloads += 1;
      worker.wake();
    },
    start() {
      unlisten = deps.signals.on(settledSignal, () => worker.wake());
      worker.start();
      return Promise.resolve();
    },
    stop() {
      unlisten();
      return worker.stop();
    },
  };
}

async function showCard(
  deps: ApprovalsDeps,
  id: string,
  viewer?: string,
  { link } = { link: true },
): Promise<Card> {
  const rows = await findCard(deps.pool, id);
  const [shared] = byCard(rows);
  if (!shared || (viewer !== undefined && !maySee(deps.people, shared[0], viewer))) throw refusals.unknown();
  const [row] = shared;
  const [card = cardOf(deps, shared)] =
    viewer === undefined ? [] : await personalCards(deps, deps.pool, [shared], viewer);
  const { resumePath } = row;
  const onForm = link && !row.stale && row.edition === 0 && !deps.isStrict?.(row.tool);
  if (viewer !== undefined && card.mayApprove && onForm && resumePath !== null) {
    const to = { principal: viewer, identity: webIdentity(viewer) };
    card.formUrl = await personalLink(deps, deps.pool, { ...row, resumePath }, to);
  }
  return card;
}

/** Which open approvals are wanted. */
export interface OpenWish {
  /** How their id begins. */
  begins?: string;
  /** The most of them. */
  limit?: number;
}

export interface OpenCards {
  /** Soonest deadline first. */
  cards: Card[];
  /** How many there are of the wanted ones, also beyond the limit. */
  total: number;
}

const cardId = 'coalesce(a.card, a.id)';

/** Open approvals as anybody may read them who votes on none: the API, the terminal. */
export async function openCards(
  deps: Pick<ApprovalsDeps, 'pool' | 'people' | 'catalogue'>,
  { begins = '', limit = 500 }: OpenWish = {},
): Promise<OpenCards> {
  const { rows } = await deps.pool.query<{ id: string; total: number }>(
    `select ${cardId} as id, count(*) over ()::int as total from approvals a
     where a.state = 'pending' and not a.stale and starts_with(${cardId}, $1)
     group by 1 order by min(a.deadline), 1 limit $2`,
    [begins, limit],
  );
  const cards = await readCards(
    deps.pool,
    rows.map(({ id }) => id),
  );
  return { cards: cards.map((card) => cardOf(deps, card)), total: rows[0]?.total ?? 0 };
}

function cancel(deps: ApprovalsDeps, id: string, principal: string): Promise<VoteResult> {
  return transaction(deps.pool, async (tx) => {
    const rows = await lockCard(tx, id);
    const [row] = rows;
    if (!row || !maySee(deps.people, row, principal)) throw refusals.unknown();
    if (row.requester !== principal) throw refusals.notRequester();
    if (row.state !== 'pending') throw refusals.decided(row);
    await settleAll(deps, tx, rows, { state: 'cancelled', reason: 'The requester took it back.' });
    return { state: 'cancelled', message: 'The request was cancelled. Nothing was done.' };
  });
}
