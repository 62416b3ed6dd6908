import { GatehouseError } from '../config/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import type { Charge } from './budgets.ts';
import { decisionOf, newGrant } from './judge.ts';
import { targetsOf, type KillTarget, type Stoppable } from './kill-switch.ts';
import { reserve } from './reservations.ts';

/** What an execution presents. */
export interface Presented extends Stoppable {
  grant: string;
  messageId: string;
  digest: string;
  principal: string | null;
  args: Record<string, unknown>;
  /** Digest of all that its approval holds for, as it is now; null for a call that needed none. */
  binding: string | null;
}

/** What a grant is bound to and has to find unchanged when it is used. */
export interface GrantBinding {
  version: string;
  epoch: number;
}

const refusals = {
  grant_unknown: ['GH-GRANT-001', 'There is no such grant.'],
  grant_spent: ['GH-GRANT-002', 'This grant was used already; a grant serves one call.'],
  grant_late: ['GH-GRANT-003', 'This grant has expired.'],
  grant_other_run: ['GH-GRANT-004', 'This grant belongs to another message.'],
  grant_other_call: [
    'GH-GRANT-005',
    'The call is not the one that was decided: its tool or an argument differs.',
  ],
  grant_old_rules: [
    'GH-GRANT-006',
    'The rules changed after this call was decided, so it has to be asked for again.',
  ],
  grant_old_epoch: [
    'GH-GRANT-007',
    'The call was decided before the database was restored, so it has to be asked for again.',
  ],
  grant_revoked: ['GH-GRANT-011', 'The standing grant that this call was allowed by was revoked.'],
  kill_switch: ['GH-GRANT-008', 'The kill switch is on: no tool runs.'],
  clock_backward: ['GH-GRANT-009', 'The clock of the database went back, so no expiry can be trusted.'],
  budget_exceeded: ['GH-GRANT-010', 'The call would exceed its budget.'],
  grant_other_binding: ['GH-GRANT-012', 'The call is not the one that people approved.'],
} as const;

const remedies: Partial<Record<keyof typeof refusals, string>> = {
  kill_switch: 'Ask an operator.',
  budget_exceeded: 'Ask for less, wait until the budget starts afresh, or raise it in limits.yaml.',
};

const stopped: Record<string, string> = {
  tool: 'The kill switch is on for this tool.',
  channel: 'The kill switch is on for this channel.',
  person: 'The kill switch is on for this person.',
  session: 'The kill switch is on for this conversation.',
};

/** A grant that was refused. `reason` is the stable code that people and programs see. */
export class GrantRefused extends GatehouseError {
  readonly reason: keyof typeof refusals;

  /**
   * @param more.target what a kill switch stops that stops this call
   * @param more.detail a sentence that follows the general one
   */
  constructor(reason: keyof typeof refusals, more: { target?: KillTarget; detail?: string } = {}) {
    const [code, general] = refusals[reason];
    const text = stopped[more.target?.split(':', 1)[0] ?? ''] ?? general;
    super(code, more.detail === undefined ? text : `${text} ${more.detail}`, {
      status: 403,
      next: remedies[reason] ?? 'Ask for a new decision of this call.',
    });
    this.reason = reason;
  }
}

interface GrantRow {
  stopped: Record<string, unknown>;
  behind: boolean | null;
  decision_id: string | null;
  message_id: string;
  session_key: string;
  tool: string;
  digest: string;
  policy_version: string;
  epoch: number;
  binding: string | null;
  /** It came from an approval, so that it is bound to what was approved. */
  approved: boolean;
  consumed: boolean;
  late: boolean;
}

/**
 * Spends a grant in the caller's transaction, with what its call takes from budgets. It fails where the grant would be
 * refused or a budget has not enough left: its commit is the answer, so that nobody waits for one before. The kill switches
 * are read there with a lock, so that once one is engaged no call that did not see it can still commit.
 * @returns the decision that the grant came from
 * @throws GrantRefused for what is not a grant
 */
export function consumeGrant(
  tx: Transaction,
  presented: Presented,
  binding: GrantBinding,
  charges: readonly Charge[],
): string {
  const decisionId = decisionOf(presented.grant);
  if (decisionId === null) throw new GrantRefused('grant_unknown');
  tx.send({
    name: 'spend-grant',
    text: `with switch as (select stopped from kill_switch for share), spent as (
         update grants set consumed_at = now()
         where id = $1 and decision_id = $2 and message_id = $3 and session_key = $4 and tool = $5 and digest = $6
           and consumed_at is null and epoch = $7 and policy_version = $8 and expires_at > clock_timestamp()
           and binding is not distinct from $10
           and ($10::text is not null or not exists (select from approvals a where a.id = $2))
           and clock_timestamp() >= (select highest from clock_guard)
           and exists (select from switch where not stopped ?| $9::text[])
         returning id
       ) select 1 / count(*) from spent`,
    values: [
      presented.grant,
      decisionId,
      presented.messageId,
      presented.sessionKey,
      presented.tool,
      presented.digest,
      binding.epoch,
      binding.version,
      targetsOf(presented),
      presented.binding,
    ],
  });
  reserve(tx, decisionId, charges);
  return decisionId;
}

/** Why what was decided so serves no more: the rules or the epoch changed since. Null where it does. */
export function outdatedBy(
  decided: { policyVersion: string; epoch: number },
  binding: GrantBinding,
): GrantRefused | null {
  if (decided.epoch !== binding.epoch) return new GrantRefused('grant_old_epoch');
  return decided.policyVersion === binding.version ? null : new GrantRefused('grant_old_rules');
}

/** Whether a transaction failed because a statement of it did not touch what it had to: see `consumeGrant`. */
export const missedItsRow = (error: unknown): boolean => (error as { code?: unknown }).code === '22012';

/**
 * Says whether a grant would be accepted now, and if not, why.
 * @param presented without a binding, before it is known, all else is looked at
 * @returns the decision that the grant came from
 * @throws GrantRefused
 */
export async function checkGrant(
  db: Queryable,
  presented: Omit<Presented, 'binding'> & Partial<Presented>,
  binding: GrantBinding,
): Promise<string> {
  // The switch is there also where the grant is not.
  const { rows } = await db.query<GrantRow>({
    name: 'look-at-grant',
    text: `select switch.stopped, clock_timestamp() < (select highest from clock_guard) as behind, g.*
       from (select stopped from kill_switch) as switch
       left join lateral (
         select decision_id, message_id, session_key, tool, digest, policy_version, epoch, binding,
           consumed_at is not null as consumed, expires_at <= clock_timestamp() as late,
           exists (select from approvals a where a.id = decision_id) as approved
         from grants where id = $1
       ) as g on true`,
    values: [presented.grant],
  });
  const grant = rows[0];
  if (!grant) throw new GrantRefused('kill_switch');
  const target = targetsOf(presented).find((one) => Object.hasOwn(grant.stopped, one));
  if (target !== undefined) throw new GrantRefused('kill_switch', { target });
  if (grant.decision_id === null) throw new GrantRefused('grant_unknown');
  if (grant.message_id !== presented.messageId || grant.session_key !== presented.sessionKey) {
    throw new GrantRefused('grant_other_run');
  }
  if (grant.tool !== presented.tool || grant.digest !== presented.digest)
    throw new GrantRefused('grant_other_call');
  if (grant.consumed) throw new GrantRefused('grant_spent');
  const outdated = outdatedBy({ policyVersion: grant.policy_version, epoch: grant.epoch }, binding);
  if (outdated) throw outdated;
  if (grant.behind !== false) throw new GrantRefused('clock_backward');
  if (grant.late) throw new GrantRefused('grant_late');
  const unbound = presented.binding === null && grant.approved;
  if (unbound || (presented.binding !== undefined && grant.binding !== presented.binding))
    throw new GrantRefused('grant_other_binding');
  return grant.decision_id;
}

/**
 * Makes the grant of a decision that was approved or confirmed, in the transaction that settles the approval.
 * Calling it again for one decision, or for one that was allowed, returns the grant that it has. One that only
 * advises has none.
 * @param seconds how long it may wait for its execution
 * @throws GrantRefused where the rules or the epoch changed since the question was asked
 * @throws GatehouseError `GH-POLICY-030` for a decision that cannot be granted
 */
export async function issueGrant(
  tx: Queryable,
  decisionId: string,
  binding: GrantBinding,
  seconds: number,
): Promise<string | null> {
  const { rows } = await tx.query<{
    effect: string;
    policy_version: string;
    epoch: number;
    standing: string | null;
    grant_id: string | null;
    advisory: boolean;
  }>(
    `select d.effect, d.policy_version, d.epoch, d.standing, g.id as grant_id,
       d.reasons @> '[{"code": "advisory"}]' as advisory
     from decisions d left join grants g on g.decision_id = d.id where d.id = $1`,
    [decisionId],
  );
  const decision = rows[0];
  const asks = decision?.effect === 'confirm' || decision?.effect === 'approve';
  if (!decision || (!asks && decision.grant_id === null))
    throw new GatehouseError('GH-POLICY-030', 'This decision does not wait for anybody.', { status: 409 });
  if (decision.grant_id) return decision.grant_id;
  const outdated = outdatedBy({ policyVersion: decision.policy_version, epoch: decision.epoch }, binding);
  if (outdated) throw outdated;
  // Locked, so that a revocation waits for this grant and then finds it.
  const held = await tx.query<{ revoked: boolean }>(
    'select revoked_at is not null as revoked from standing_grants where id = $1 for share',
    [decision.standing],
  );
  if (held.rows[0]?.revoked) throw new GrantRefused('grant_revoked');
  if (decision.advisory) return null;
  const grant = newGrant(decisionId);
  await tx.query(
    `insert into grants (id, decision_id, message_id, session_key, tool, digest, policy_version, epoch, expires_at,
       standing, binding)
     select $2, id, message_id, session_key, tool, digest, policy_version, $3, now() + make_interval(secs => $4),
       standing, (select binding from approvals where approvals.id = decisions.id)
     from decisions where id = $1`,
    [decisionId, grant, binding.epoch, seconds],
  );
  return grant;
}
