import type { Approvers, Effect, Reason, Verdict } from './types.ts';

/** What the rules of the installation (`policies/local`) say of a call. They permit nothing. */
export interface OwnReasons {
  denials: Reason[];
  approvals: Reason[];
  confirmations: Reason[];
}

/** From the mildest to the strictest. */
const order: readonly Effect[] = ['allow', 'confirm', 'approve', 'deny'];

/**
 * Adds what own rules say to what the shipped rules said. The stricter effect wins, and all its reasons are given.
 * @param approvers who approves this class of call; null where nobody is named
 */
export function withOwn(shipped: Verdict, own: OwnReasons, approvers: Approvers | null): Verdict {
  const wanted = strictest(own);
  const effect = order[Math.max(order.indexOf(shipped.effect), order.indexOf(wanted))] ?? 'deny';
  if (effect === 'deny') {
    const denied = shipped.effect === 'deny' ? shipped.reasons : [];
    return { effect, reasons: united(denied, own.denials), approvers: null };
  }
  // A permission is no reason to ask.
  const asked = shipped.effect === effect || shipped.effect !== 'allow' ? shipped.reasons : [];
  if (effect === 'allow') return shipped;
  const reasons = united(asked, [...own.approvals, ...own.confirmations]);
  if (effect === 'confirm') return { effect, reasons, approvers: null };
  const asks = shipped.approvers ?? approvers;
  return asks ? { effect, reasons, approvers: { ...asks, excludeRequester: true } } : nobody;
}

const nobody: Verdict = {
  effect: 'deny',
  reasons: [
    {
      code: 'nobody_to_ask',
      text: 'Nobody is named who could approve this. Add approvers for its class to approvals.yaml.',
    },
  ],
  approvers: null,
};

function strictest(own: OwnReasons): Effect {
  if (own.denials.length > 0) return 'deny';
  if (own.approvals.length > 0) return 'approve';
  return own.confirmations.length > 0 ? 'confirm' : 'allow';
}

function united(one: readonly Reason[], other: readonly Reason[]): Reason[] {
  const all = new Map(
    [...one, ...other].map(({ code, text }) => [JSON.stringify([code, text]), { code, text }]),
  );
  return [...all.values()];
}
