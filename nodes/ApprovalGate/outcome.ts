import type { IDataObject } from 'n8n-workflow';
import type { Outcome } from '../shared/contract';
import type { Leaving } from '../shared/items';
import { isObject } from '../shared/parameters';
import { blockedJson, type Refusal } from '../shared/refusal';

const BLOCKED = 0;
const APPROVED = 1;

/** What the requester reads of each end that is not an approval. */
const ENDS: Record<Exclude<Outcome['state'], 'approved'>, Omit<Refusal, 'code'>> = {
  rejected: { text: 'The request was rejected.' },
  expired: {
    text: 'It was not decided in time, so nothing was done.',
    next: 'Ask again if it is still needed.',
  },
  cancelled: { text: 'The request was withdrawn.' },
  superseded: { text: 'A newer request took its place, so nothing was done.' },
  undeliverable: { text: 'The request could not be delivered, so nothing was done.' },
  error: { text: 'The request failed, so nothing was done.' },
};

/** The parts of a Policy Check's item that a gate passes on. */
export function callOf({ tool, args, decision, run }: IDataObject): IDataObject {
  return { tool, args, decision, run };
}

/** What an item says while it waits. n8n emits exactly this when the wait ends by itself, so it already says no. */
export function waitingJson(json: IDataObject): IDataObject {
  const id = isObject(json.decision) ? json.decision.id : null;
  return { ...callOf(json), approval: { id, state: 'expired' }, ...blockedJson(refusalOfState('expired')) };
}

/**
 * Sends a waiting item to the output of its outcome. Approved takes an outcome for this very decision, tool and digest,
 * with a grant. A call that people changed names the digest that it was changed from; what goes on is the changed one.
 */
export function leaveBy(waiting: IDataObject, outcome: Outcome | undefined): Leaving {
  const decision = isObject(waiting.decision) ? waiting.decision : {};
  const edited = isObject(outcome?.edited) ? outcome.edited : null;
  if (
    !outcome ||
    outcome.id !== decision.id ||
    (edited ? edited.from : outcome.digest) !== decision.digest ||
    outcome.tool !== waiting.tool
  ) {
    const refusal = {
      code: 'outcome_mismatch',
      text: 'The outcome is not for this request, so nothing was done.',
    };
    return { output: BLOCKED, json: { ...waiting, ...blockedJson(refusal) } };
  }
  const approval = {
    id: outcome.id,
    state: outcome.state,
    decidedAt: outcome.decidedAt,
    by: outcome.by,
    reason: outcome.reason,
    ...(edited ? { edited: { by: edited.by } } : {}),
  };
  if (outcome.state === 'approved' && typeof outcome.grant === 'string' && outcome.grant !== '') {
    const json = {
      ...callOf(waiting),
      tool: outcome.tool,
      args: outcome.args,
      ...(edited ? { decision: { ...decision, id: outcome.decision, digest: outcome.digest } } : {}),
      approval,
      grant: outcome.grant,
    };
    return { output: APPROVED, json };
  }
  return { output: BLOCKED, json: { ...waiting, approval, ...blockedJson(refusalOfOutcome(outcome)) } };
}

/** Why an outcome is not an approval: who rejected it and in which words, or what else the gateway says of its end. */
export function refusalOfOutcome(outcome: Outcome): Refusal {
  const refusal = refusalOfState(outcome.state);
  const votes = Array.isArray(outcome.by) ? outcome.by : [];
  const rejection = votes.find((vote) => vote.verdict === 'reject');
  if (rejection) {
    const who = typeof rejection.display === 'string' ? rejection.display : 'An approver';
    const why = rejection.comment ? `: ${String(rejection.comment)}` : '.';
    return { ...refusal, text: `${who} rejected the request${why}` };
  }
  // That it expired is all that there is to say of it.
  if (!outcome.reason || outcome.state === 'expired') return refusal;
  return { ...refusal, text: `${refusal.text} ${outcome.reason}` };
}

/** What is said of a request that ended so. */
export function refusalOfState(state: string): Refusal {
  const known = Object.hasOwn(ENDS, state) ? (state as keyof typeof ENDS) : 'error';
  return { code: `approval_${known}`, ...ENDS[known] };
}
