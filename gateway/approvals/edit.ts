import { randomUUID } from 'node:crypto';
import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { callDigest, type Decision, type Preview, type RunContext } from '../policy/index.ts';
import { ask } from './ask.ts';
import { bind, blindness } from './binding.ts';
import { displayOf } from './card.ts';
import { confirmerOf, mayEdit, quorumOf, seatCount, seatsOf } from './eligible.ts';
import { stepsOf } from './escalation.ts';
import { refusals } from './refusals.ts';
import { settle } from './settle.ts';
import { findApprovals, lockApprovals, type ApprovalRow } from './store.ts';
import type { ApprovalsDeps, Edit, Edited } from './types.ts';
import { sameDigest } from './vote.ts';
import { unproven } from './voter.ts';

/** A request that is still argued about after this many changes is better asked for anew. */
const mostEditions = 10;

/**
 * Puts a changed call in the place of the one that is asked about. Policy decides it like any other call; a refusal
 * leaves the request as it was. Otherwise the request ends as `superseded`, with the votes that it had, and its new
 * edition waits in its place until the same deadline.
 * @throws GatehouseError `GH-APPROVAL-001`, `-004`, `-006`, `-008`, `-010`, `-020` to `-028`: why nothing was changed
 */
export async function edit(deps: ApprovalsDeps, change: Edit): Promise<Edited> {
  const preview = await previewOf(deps, change);
  const done = await transaction(deps.pool, async (tx): Promise<Edited | GatehouseError> => {
    const row = (await lockApprovals(tx, [change.approvalId]))[0];
    if (!row) return refusals.unknown();
    const fault = await faultOf(deps, tx, row, change);
    if (fault) return fault;
    const run = await deps.delivery.runContext(tx, row.runId);
    if (!run) return refusals.textGone();
    const own = change.principal === row.requester;
    const decision = await deps.policy.decideWithin(
      tx,
      run,
      // A step that nobody can guess: no decision made before is found in its place.
      { tool: row.tool, args: change.args, step: `edit:${randomUUID()}` },
      own ? undefined : { code: 'changed_by_other', text: 'Somebody else changed what you asked for.' },
    );
    if (decision.effect === 'deny') return refusals.editDenied(decision.reasons);
    return replace(deps, tx, run, { row, change, decision, preview });
  });
  if (!(done instanceof GatehouseError)) return done;
  deps.log.warn(
    { approval: change.approvalId, principal: change.principal, code: done.code },
    'an edit was refused',
  );
  throw done;
}

/**
 * Looks up what the changed call would do, before any row is locked. Nothing is looked up for who may not change the
 * request, nor for arguments that its tool does not take: the edit itself says why.
 */
async function previewOf(deps: ApprovalsDeps, change: Edit): Promise<Preview | undefined> {
  const row = (await findApprovals(deps.pool, 'a.id = $1', [change.approvalId]))[0];
  const usable = row && deps.catalogue.get(row.tool)?.check(change.args) === null;
  if (!usable || row.state !== 'pending' || !mayEdit(deps.people, row, change.principal)) return undefined;
  const { messageId, requester: principal, tool } = row;
  return deps.preview?.({ decisionId: row.id, messageId, principal, tool, args: change.args });
}

async function faultOf(
  deps: ApprovalsDeps,
  tx: Transaction,
  row: ApprovalRow,
  change: Edit,
): Promise<GatehouseError | null> {
  const fault = await unproven(deps, tx, change);
  if (fault) return fault;
  if (!mayEdit(deps.people, row, change.principal)) return refusals.notEditor();
  if (!sameDigest(row.digest, change.shownDigest)) return refusals.changed();
  if (row.stale) return refusals.stale();
  if (row.state !== 'pending') return refusals.decided(row);
  if (row.late) {
    await settle(deps, tx, row, { state: 'expired' });
    return refusals.late();
  }
  const tool = deps.catalogue.get(row.tool);
  if (!row.editable || !tool) return refusals.notEditable();
  if (row.edition >= mostEditions) return refusals.tooOften();
  const problem = tool.check(change.args);
  if (problem) return refusals.unusableEdit(problem.field, problem.text);
  return callDigest(row.tool, change.args).digest === row.digest ? refusals.unchanged() : null;
}

async function replace(
  deps: ApprovalsDeps,
  tx: Transaction,
  run: RunContext,
  {
    row,
    change,
    decision,
    preview,
  }: { row: ApprovalRow; change: Edit; decision: Decision; preview?: Preview },
): Promise<Edited> {
  const editors = [...new Set([...row.editors, change.principal])];
  const quorum = quorumOf(deps, { ...decision, principal: row.requester });
  const asksOthers = decision.effect === 'approve';
  const fourEyes = deps.classOf?.(row.tool)?.fourEyes ?? true;
  // Who changed what is asked proposes it. Where four eyes are needed, theirs are none of them, for good.
  const proposers = asksOthers && (quorum > 1 || fourEyes) ? editors : [];
  const steps = asksOthers ? stepsOf(deps, row.tool) : [];
  // Whom an escalation has reached before is asked about the change as well.
  const escalated = steps.slice(0, row.stepsDone).flatMap((step) => step.groups ?? []);
  const next = {
    kind: asksOthers ? ('approve' as const) : ('confirm' as const),
    groups: asksOthers ? [...new Set([...(decision.approvers?.groups ?? []), ...escalated])] : [],
    requester: row.requester,
    confirmer: asksOthers ? null : confirmerOf(deps, row.requester),
    proposers,
    now: row.now,
  };
  // Thrown, so that the decision is not kept either: nobody could ever be asked about it.
  const seats = seatsOf(deps.people, next);
  if (seatCount(seats, [...seats.keys()]) < quorum) throw refusals.tooFewLeft();
  const by = displayOf(deps, change.principal);
  await settle(deps, tx, row, {
    state: 'superseded',
    reason: `${by} changed it.`,
    replacedBy: decision.id,
  });
  await tx.query(
    `insert into approvals (id, root, edition, kind, groups, quorum, requester, edited_by, proposers, editable, run_id,
       execution_id, node_id, item_index, resume_path, created_at, deadline, requester_identities, steps_done, next_step_at,
       confirmer)
     select $2, root, edition + 1, $3, $4, $5, requester, $6, $7, editable, run_id,
       execution_id, node_id, item_index, resume_path, created_at, deadline, requester_identities, steps_done,
       created_at + (deadline - created_at) * $8::float8, $9 from approvals where id = $1`,
    [
      row.id,
      decision.id,
      next.kind,
      next.groups,
      quorum,
      change.principal,
      proposers,
      steps[row.stepsDone]?.after ?? null,
      next.confirmer,
    ],
  );
  await bind(tx, await storedEdition(tx, decision.id), preview);
  const edition = await storedEdition(tx, decision.id);
  const blind = decision.effect === 'allow' ? null : blindness(deps, edition);
  // Thrown, so that the request stays as it was.
  if (blind !== null) throw refusals.editBlind(blind);
  recordReceipts(tx, [
    {
      kind: 'approval.edited',
      messageId: row.messageId,
      decisionId: decision.id,
      facts: {
        by: change.principal,
        channel: change.channel,
        from: row.digest,
        digest: decision.digest,
        binding: edition.binding,
        effect: decision.effect,
        groups: next.groups,
        quorum,
        withoutVote: proposers,
        deadline: row.deadline.toISOString(),
      },
    },
  ]);
  if (decision.effect === 'allow')
    await settle(deps, tx, edition, { state: 'approved', reason: 'As changed, it needs no approval.' });
  else await ask(deps, tx, run, [edition]);
  const { state } = await storedEdition(tx, decision.id);
  if (state === 'undeliverable') throw refusals.tooFewLeft();
  const message =
    decision.effect === 'allow'
      ? 'The request was changed. As it is now, it needs no approval and is carried out.'
      : `The request was changed. ${asksOthers ? 'The approvers are' : 'The requester is'} asked about it as it is now.`;
  return { approvalId: decision.id, state, message };
}

/** An edition that this transaction stored, as it is now. */
async function storedEdition(tx: Transaction, id: string): Promise<ApprovalRow> {
  return (await findApprovals(tx, 'a.id = $1', [id]))[0] as ApprovalRow;
}
