import { recordReceipts } from '../audit/index.ts';
import { transaction, type Queryable, type Transaction } from '../db/index.ts';
import type { Preview, RunContext } from '../policy/index.ts';
import type { Identity } from '../sessions/index.ts';
import { ask } from './ask.ts';
import { bind, blindness, takePreviews } from './binding.ts';
import { outcomeOf } from './card.ts';
import { confirmerOf, eligible, quorumOf } from './eligible.ts';
import { stepsOf } from './escalation.ts';
import { endOutdated } from './old-rules.ts';
import { refusals } from './refusals.ts';
import { queryOfWait } from './resume-call.ts';
import { findLatest, latest, lockApprovals, lockLatest, senderOf, type ApprovalRow } from './store.ts';
import { settle, settleAll } from './settle.ts';
import { byCard, cardIdOf, shareCards, type OnCard } from './together.ts';
import type { ApprovalsDeps, Gate, Registered } from './types.ts';
import { webIdentity } from './voter.ts';

/** How much longer than the last deadline the gate waits: an outage that is shorter still ends as `expired`. */
const graceMs = 15 * 60_000;

interface DecisionRow {
  id: string;
  effect: string;
  tool: string;
  principal: string | null;
  approvers: { groups?: string[]; quorum?: number } | null;
}

/**
 * Registers the wait of one gate: its approvals are made or, after a redispatch, taken over with their votes; older
 * ones of the same node lose the wait; people are asked.
 * @returns their states; where all are settled already, the gate need not wait
 * @throws GatehouseError `GH-APPROVAL-012` or `-013` naming the item at fault
 */
export async function register(deps: ApprovalsDeps, run: RunContext, gate: Gate): Promise<Registered> {
  gate.items.forEach((item, index) => checkResumePath(deps, gate, item, index));
  const asked = gate.items.map((item) => item.decision);
  const previews = await takePreviews(deps, run.messageId, asked);
  return transaction(deps.pool, async (tx) => {
    // Two registrations of one wait must not each supersede the other's rows.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `${gate.executionId}/${gate.nodeId}`,
    ]);
    const decisions = await decisionsOf(tx, run, gate);
    const before = await lockLatest(tx, asked);
    const changed = await closeOlder(deps, tx, gate);
    await upsert(deps, tx, run, gate, decisions);
    const rows = await bound(tx, asked, before, previews);
    await askAnew(deps, tx, run, { before, rows, changed });
    return conclude(deps, tx, run, gate);
  });
}

function checkResumePath(deps: ApprovalsDeps, gate: Gate, item: Gate['items'][number], index: number): void {
  if (item.resumePath === null) return;
  const named = queryOfWait(item.resumePath, gate, deps.settings.n8nUrl)?.getAll('approval') ?? [];
  if (named.length !== 1 || named[0] !== item.decision) throw refusals.resumePath(index);
}

async function decisionsOf(tx: Queryable, run: RunContext, gate: Gate): Promise<DecisionRow[]> {
  const { rows } = await tx.query<DecisionRow>(
    `select id, effect, tool, principal, approvers from decisions
     where id = any($1) and message_id = $2 and effect in ('confirm', 'approve')`,
    [gate.items.map((item) => item.decision), run.messageId],
  );
  const known = new Map(rows.map((row) => [row.id, row]));
  return gate.items.map((item, index) => {
    const decision = known.get(item.decision);
    known.delete(item.decision);
    if (!decision) throw refusals.foreignDecision(index);
    return decision;
  });
}

// n8n signs the same address for each turn of a loop: what waited here before can never be resumed by its own link.
/** @returns the cards that lost a call */
async function closeOlder(deps: ApprovalsDeps, tx: Transaction, gate: Gate): Promise<Set<string>> {
  const { rows } = await tx.query<{ id: string }>(
    `select id from approvals where execution_id = $1 and node_id = $2 and not stale and root <> all($3)`,
    [gate.executionId, gate.nodeId, gate.items.map((item) => item.decision)],
  );
  const ids = rows.map((row) => row.id);
  const older = await lockApprovals(tx, ids);
  await settleAll(deps, tx, older, {
    state: 'superseded',
    reason: 'A newer request of the same step replaced it.',
  });
  await tx.query(
    `update approvals set stale = true, card = null, delivered_at = coalesce(delivered_at, now()) where id = any($1)`,
    [ids],
  );
  return new Set(older.flatMap((row) => row.card ?? []));
}

async function upsert(
  deps: ApprovalsDeps,
  tx: Queryable,
  run: RunContext,
  gate: Gate,
  decisions: readonly DecisionRow[],
): Promise<void> {
  const identities = JSON.stringify(await identitiesOf(deps, tx, run));
  // What is asked together ends together.
  const { rows: clock } = await tx.query<{ deadline: Date }>(
    `select clock_timestamp() + $1 * interval '1 s' as deadline`,
    [deps.settings.approvalSeconds],
  );
  for (const [index, decision] of decisions.entries()) {
    const wait = [run.runId, gate.executionId, gate.nodeId, index, gate.items[index]?.resumePath];
    const first = decision.effect === 'approve' ? stepsOf(deps, decision.tool)[0] : undefined;
    await tx.query(
      `insert into approvals (id, root, kind, groups, quorum, requester, run_id, execution_id, node_id, item_index,
         resume_path, deadline, requester_identities, next_step_at, confirmer)
       values ($1, $1, $7, $8, $9, $10, $2, $3, $4, $5, $6, $11, $12,
         clock_timestamp() + ($11 - clock_timestamp()) * $13::float8, $14)
       on conflict (id) do nothing`,
      [
        decision.id,
        ...wait,
        decision.effect,
        decision.approvers?.groups ?? [],
        quorumOf(deps, decision),
        decision.principal,
        clock[0]?.deadline,
        identities,
        first?.after ?? null,
        decision.effect === 'confirm' ? confirmerOf(deps, decision.principal) : null,
      ],
    );
    // Every edition of a request waits where the first one waits; only the latest has an outcome to deliver.
    await tx.query(
      `update approvals a set run_id = $2, execution_id = $3, node_id = $4, item_index = $5, resume_path = $6,
         editable = $7, stale = false,
         delivered_at = case when ${latest} and $6::text is not null then null else delivered_at end,
         delivery_attempts = 0, refused_since = null, next_attempt_at = now()
       where root = $1`,
      [decision.id, ...wait, gate.edits ?? false],
    );
  }
}

/** The requests of a gate as they are now, of which the new ones are bound; `upsert` holds all of them. */
async function bound(
  tx: Queryable,
  asked: readonly string[],
  before: readonly ApprovalRow[],
  previews: ReadonlyMap<string, Preview>,
): Promise<ApprovalRow[]> {
  for (const row of await findLatest(tx, asked)) {
    if (!before.some(({ id }) => id === row.id)) await bind(tx, row, previews.get(row.id));
  }
  return findLatest(tx, asked);
}

/** Every account of the requester now: none of them decides this, whoever may hold it by then. */
async function identitiesOf(deps: ApprovalsDeps, tx: Queryable, run: RunContext): Promise<Identity[]> {
  if (run.principal === null) return [];
  const known = await deps.people.identitiesOf(run.principal, tx);
  const sender = await senderOf(tx, run.messageId);
  return [webIdentity(run.principal), ...known, ...(sender ? [sender] : [])].map(
    ({ channel, account, id }) => ({ channel, account, id }),
  );
}

async function askAnew(
  deps: ApprovalsDeps,
  tx: Transaction,
  run: RunContext,
  {
    before,
    rows,
    changed,
  }: { before: readonly ApprovalRow[]; rows: readonly ApprovalRow[]; changed: ReadonlySet<string> },
): Promise<void> {
  const known = new Map(before.map((row) => [row.id, row]));
  const fresh = rows.filter((row) => !known.has(row.id));
  recordReceipts(
    tx,
    fresh.map((row) => ({
      kind: 'approval.requested',
      messageId: row.messageId,
      decisionId: row.id,
      facts: {
        kind: row.kind,
        tool: row.tool,
        digest: row.digest,
        binding: row.binding,
        groups: row.groups,
        quorum: row.quorum,
        approvers: eligible(deps.people, row).map((person) => person.principal),
        deadline: row.deadline.toISOString(),
      },
    })),
  );
  const closed = new Set<string>();
  for (const row of fresh) {
    const reason = blindness(deps, row);
    // Decided before the rules were read again, and asked about after.
    if (await endOutdated(deps, tx, [row])) closed.add(row.id);
    else if (reason !== null) {
      closed.add(row.id);
      await settle(deps, tx, row, { state: 'cancelled', reason });
    }
  }
  const open = rows.filter((row) => row.state === 'pending' && !closed.has(row.id));
  const cards = await withinLimit(deps, tx, run, byCard(await shareCards(deps, tx, open)), known);
  // A repeated call of the same wait asks nobody twice; a redispatched run brings new links, another call a new card.
  const moved = cards.filter((card) =>
    card.some((row) => {
      const earlier = known.get(row.id);
      return (
        earlier?.resumePath !== row.resumePath || earlier.card !== row.card || changed.has(cardIdOf(row))
      );
    }),
  );
  await ask(deps, tx, run, moved.flat());
}

/**
 * Holds a session to the number of requests that may wait for an answer at once. The rules do so before, and count calls
 * that a gate can put on one card as one; this counts what the gates made of it.
 */
async function withinLimit(
  deps: ApprovalsDeps,
  tx: Transaction,
  run: RunContext,
  cards: readonly OnCard[],
  known: ReadonlyMap<string, ApprovalRow>,
): Promise<OnCard[]> {
  const most = deps.mostAsks?.();
  const isNew = (card: OnCard): boolean => !card.some((row) => known.has(row.id));
  if (most === undefined || run.principal === null || !cards.some(isNew)) return [...cards];
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`asks/${run.sessionKey}`]);
  const { rows } = await tx.query<{ waiting: number }>(
    `select count(distinct coalesce(a.card, a.id)) as waiting from approvals a join decisions d using (id)
     where a.state = 'pending' and a.requester = $1 and d.session_key = $2 and a.id <> all($3)`,
    [run.principal, run.sessionKey, cards.flat().map((row) => row.id)],
  );
  const room = Math.max(0, most - (rows[0]?.waiting ?? 0) - cards.filter((card) => !isNew(card)).length);
  const surplus = cards.filter(isNew).slice(room);
  const reason = 'Too many requests of this conversation wait for an answer. (too_many_asks)';
  await settleAll(deps, tx, surplus.flat(), { state: 'cancelled', reason });
  return cards.filter((card) => !surplus.includes(card));
}

async function conclude(
  deps: ApprovalsDeps,
  tx: Transaction,
  run: RunContext,
  gate: Gate,
): Promise<Registered> {
  const rows = await findLatest(
    tx,
    gate.items.map((item) => item.decision),
  );
  const waits = rows.some((row) => row.state === 'pending');
  if (waits) {
    if (rows.some((row) => row.resumePath !== null))
      await deps.delivery.runWaiting(tx, run.runId, gate.executionId);
  } else {
    // The answer itself carries the outcomes, so there is no wait to resume.
    await tx.query('update approvals set delivered_at = now() where id = any($1)', [
      rows.map((row) => row.id),
    ]);
  }
  const last = Math.max(...rows.map((row) => row.deadline.getTime()));
  return {
    approvals: rows.map((row) => ({
      id: row.root,
      state: row.state,
      deadline: row.deadline.toISOString(),
      ...(row.state === 'pending' ? {} : { outcome: outcomeOf(deps, row) }),
    })),
    waitUntil: new Date(last + graceMs).toISOString(),
  };
}
