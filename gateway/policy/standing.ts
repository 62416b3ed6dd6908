import { randomUUID } from 'node:crypto';
import { recordReceipts } from '../audit/index.ts';
import type { Tool } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import { digest } from '../envelope/index.ts';
import { neverStanding, type ApprovalClass } from './approval-classes.ts';
import type { GrantBinding } from './grants.ts';
import { fromCents, toCents } from './money.ts';
import type { RunContext } from './types.ts';

/** What an approver wants to allow beyond the one call: for some hours, a number of calls or an amount in all. */
export interface StandingAsk {
  hours: number;
  calls?: number;
  amount?: string;
}

/** The most that may be asked for. A total of money names its currency; otherwise calls are counted. */
export type StandingOffer = {
  maxHours: number;
  destinations: Record<string, unknown>;
} & ({ maxCalls: number } | { currency: string; maxAmount: string });

/** A standing grant as people see it. */
export interface Standing {
  id: string;
  approvalId: string;
  tool: string;
  destinations: Record<string, unknown>;
  principal: string;
  groups: string[];
  grantedBy: string[];
  /** What is left of what, as text: `70.00 of 100.00 EUR`, `3 of 5 calls`. */
  left: string;
  createdAt: Date;
  expiresAt: Date;
}

/** A call that a standing grant may cover. */
export interface Covered {
  run: Pick<RunContext, 'sessionKey' | 'principal'>;
  tool: Tool;
  args: Record<string, unknown>;
}

const refuse = (text: string, field: string): GatehouseError =>
  new GatehouseError('GH-POLICY-050', text, {
    status: 400,
    field,
    next: 'Give less, or approve this one call only.',
  });

/**
 * What a standing grant made from this call could cover. It is bound to where the call goes, so a call that goes nowhere
 * in particular gets none, and neither does running code, changing access or deleting, whatever the file says. A total
 * counts like one call of that size: it stays below the amount from which more people have to agree than agreed here.
 * @param quorum how many people decide the call that it is made from
 */
export function standingOffer(
  { tool, args }: Pick<Covered, 'tool' | 'args'>,
  rules: ApprovalClass | undefined,
  quorum: number,
): StandingOffer | null {
  const permitted = rules?.standing;
  const destinations = redirectsOf(tool, args);
  if (!permitted || neverStanding.has(tool.risk) || Object.keys(destinations).length === 0) return null;
  const { maxHours, maxCalls, maxTotal } = permitted;
  if (maxTotal === undefined) return maxCalls === undefined ? null : { maxHours, destinations, maxCalls };
  if (!tool.money || args[tool.money.currency] !== maxTotal.currency) return null;
  const steps = rules.from.filter((step) => step.currency === maxTotal.currency && step.quorum > quorum);
  const most = Math.min(maxTotal.amount, ...steps.map((step) => step.amount - 1));
  return most > 0
    ? { maxHours, destinations, currency: maxTotal.currency, maxAmount: fromCents(most) }
    : null;
}

/**
 * Checks what an approver asks for against what may be given.
 * @throws GatehouseError `GH-POLICY-050` that names the field and the limit
 */
export function checkStanding(ask: StandingAsk, offer: StandingOffer | null): void {
  if (!offer) throw refuse('No standing grant can be given for this call.', 'standing');
  const { hours, calls, amount } = ask;
  if (!Number.isSafeInteger(hours) || hours < 1 || hours > offer.maxHours) {
    throw refuse(`A standing grant of this kind lasts 1 to ${offer.maxHours} hours.`, 'hours');
  }
  if ('maxCalls' in offer) {
    if (calls === undefined || !Number.isSafeInteger(calls) || calls < 1 || calls > offer.maxCalls)
      throw refuse(`A standing grant of this kind covers 1 to ${offer.maxCalls} calls.`, 'calls');
    return;
  }
  const cents = toCents(amount);
  if (cents === null || cents <= 0 || cents > (toCents(offer.maxAmount) ?? 0)) {
    throw refuse(
      `A standing grant from this request covers more than nothing and at most ${offer.maxAmount} ${offer.currency} in all.`,
      'amount',
    );
  }
}

/**
 * Makes a standing grant of an approved call, in the transaction that settles its approval. Of several approvers' wishes
 * the smallest holds.
 */
export async function grantStanding(
  tx: Transaction,
  from: Covered & { approvalId: string; messageId: string; groups: string[]; by: string[] },
  asks: readonly StandingAsk[],
  offer: StandingOffer,
  binding: GrantBinding,
): Promise<void> {
  const { run, tool } = from;
  if (run.principal === null) throw refuse('Nobody is known who could use a standing grant.', 'standing');
  const hours = Math.min(...asks.map((ask) => ask.hours));
  const byAmount = 'currency' in offer;
  const total = Math.min(...asks.map((ask) => (byAmount ? toCents(ask.amount) : ask.calls) ?? 0));
  const id = `standing_${randomUUID()}`;
  await tx.query(
    `insert into standing_grants (id, approval_id, tool, destinations, session_key, principal, groups, granted_by,
       policy_version, epoch, currency, cents_total, cents_left, calls_total, calls_left, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $13, clock_timestamp() + make_interval(hours => $14))`,
    [
      id,
      from.approvalId,
      tool.name,
      JSON.stringify(offer.destinations),
      run.sessionKey,
      run.principal,
      from.groups,
      from.by,
      binding.version,
      binding.epoch,
      byAmount ? offer.currency : null,
      byAmount ? total : null,
      byAmount ? null : total,
      hours,
    ],
  );
  const facts = {
    standing: id,
    tool: tool.name,
    destinations: digest(offer.destinations),
    total: byAmount ? `${fromCents(total)} ${offer.currency}` : `${total} calls`,
    hours,
    by: from.by,
  };
  recordReceipts(tx, [
    { kind: 'standing.granted', messageId: from.messageId, decisionId: from.approvalId, facts },
  ]);
}

/**
 * Counts a call down from a standing grant that covers it, in the transaction that stores its decision. The row stays
 * locked until then, so that no two calls take the same rest, and a revocation comes before or after, never between.
 * @returns its id, or null where none covers the call any more
 */
export async function takeStanding(
  tx: Queryable,
  { run, tool, args }: Covered,
  binding: GrantBinding,
): Promise<string | null> {
  const { rows } = await tx.query<{ id: string }>(
    `update standing_grants set calls_left = calls_left - 1, cents_left = cents_left - $8
     where id = (
       select id from standing_grants
       where session_key = $1 and principal = $2 and tool = $3 and destinations = $4 and policy_version = $5
         and epoch = $6 and revoked_at is null and expires_at > clock_timestamp()
         and (calls_left >= 1 or (currency = $7 and $8::bigint > 0 and cents_left >= $8))
       order by created_at limit 1 for update
     ) returning id`,
    [
      run.sessionKey,
      run.principal,
      tool.name,
      JSON.stringify(redirectsOf(tool, args)),
      binding.version,
      binding.epoch,
      ...amountOf(tool, args),
    ],
  );
  return rows[0]?.id ?? null;
}

/** Puts back what `takeStanding` took in this same transaction, for a call that turned out to be decided before. */
export async function returnStanding(
  tx: Queryable,
  id: string,
  { tool, args }: Pick<Covered, 'tool' | 'args'>,
): Promise<void> {
  await tx.query(
    'update standing_grants set calls_left = calls_left + 1, cents_left = cents_left + $2 where id = $1',
    [id, amountOf(tool, args)[1]],
  );
}

/** Standing grants that can still be used, by the rules and in the epoch of now. */
export async function listStanding(db: Queryable, binding: GrantBinding): Promise<Standing[]> {
  const { rows } = await db.query<Omit<Standing, 'left'> & Left>(
    `select id, approval_id as "approvalId", tool, destinations, principal, groups, granted_by as "grantedBy", currency,
       cents_total, cents_left, calls_total, calls_left, created_at as "createdAt", expires_at as "expiresAt"
     from standing_grants
     where revoked_at is null and expires_at > clock_timestamp() and policy_version = $1 and epoch = $2
       and coalesce(calls_left, cents_left) > 0
     order by expires_at`,
    [binding.version, binding.epoch],
  );
  return rows.map(({ currency, cents_total, cents_left, calls_total, calls_left, ...row }) => ({
    ...row,
    left: leftOf({ currency, cents_total, cents_left, calls_total, calls_left }),
  }));
}

/**
 * Ends a standing grant at once: nothing is allowed by it any more, and what it allowed and was not carried out yet is
 * void. Ending one that has ended changes nothing.
 */
export async function revokeStanding(tx: Transaction, id: string, by: string): Promise<void> {
  const { rows } = await tx.query<{ approval_id: string }>(
    `update standing_grants set revoked_at = clock_timestamp(), revoked_by = $2
     where id = $1 and revoked_at is null returning approval_id`,
    [id, by],
  );
  if (!rows[0]) return;
  // A decision that used it was stored under the lock that the statement above waited for.
  await tx.query('update grants set expires_at = now() where standing = $1 and consumed_at is null', [id]);
  recordReceipts(tx, [
    { kind: 'standing.revoked', decisionId: rows[0].approval_id, facts: { standing: id, by } },
  ]);
}

interface Left {
  currency: string | null;
  cents_total: number | null;
  cents_left: number | null;
  calls_total: number | null;
  calls_left: number | null;
}

const leftOf = (row: Left): string =>
  row.currency === null
    ? `${row.calls_left ?? 0} of ${row.calls_total ?? 0} calls`
    : `${fromCents(row.cents_left ?? 0)} of ${fromCents(row.cents_total ?? 0)} ${row.currency}`;

/** Where a call goes: its arguments that redirect. What is not given is a value as well, and must not appear later. */
function redirectsOf(tool: Tool, args: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(tool.kinds).filter((name) => tool.kinds[name] === 'redirects');
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(args, name) ? args[name] : null]));
}

function amountOf(tool: Tool, args: Record<string, unknown>): [currency: unknown, cents: number] {
  return tool.money ? [args[tool.money.currency], toCents(args[tool.money.amount]) ?? 0] : [null, 0];
}
