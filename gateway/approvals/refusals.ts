import { GatehouseError } from '../config/index.ts';
import type { Reason } from '../policy/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalState } from './types.ts';

const past: Record<Exclude<ApprovalState, 'pending'>, string> = {
  approved: 'approved',
  rejected: 'rejected',
  expired: 'closed because its deadline passed',
  cancelled: 'cancelled',
  superseded: 'replaced by a newer request',
  undeliverable: 'closed because it could not be delivered',
};

/** How a settled approval ended, as words that follow "was". */
export function endedAs(state: ApprovalState): string {
  return state === 'pending' ? 'not decided yet' : past[state];
}

/** Each way in which a vote or a request is refused, with its stable code. */
export const refusals = {
  unknown: () =>
    new GatehouseError('GH-APPROVAL-001', 'There is no such approval, or it is not yours to see.', {
      status: 404,
      next: 'The approvals page lists everything that waits for you.',
    }),
  token: () =>
    new GatehouseError(
      'GH-APPROVAL-002',
      'This link does not carry a personal token for this request, so nothing was counted.',
      { status: 403, field: 'token', next: 'Open the link from your own message, or the approvals page.' },
    ),
  ownRequest: () =>
    new GatehouseError('GH-APPROVAL-003', 'You asked for this, so your own vote does not count.', {
      status: 403,
      next: 'Somebody else among the approvers has to decide. You can cancel the request.',
    }),
  decided: (row: ApprovalRow) =>
    new GatehouseError('GH-APPROVAL-004', `This request was already ${endedAs(row.state)}.`, {
      status: 409,
      next: 'A decided request cannot be decided again; a new one has to be asked for.',
    }),
  notAnApprover: () =>
    new GatehouseError('GH-APPROVAL-005', 'You are not among the people who may decide this request.', {
      status: 403,
      next: 'The request names its approvers.',
    }),
  changed: () =>
    new GatehouseError(
      'GH-APPROVAL-006',
      'What you were shown is not what this request is about, so nothing was counted.',
      {
        status: 409,
        next: 'Open the request again and read it before you decide.',
      },
    ),
  votedOtherwise: () =>
    new GatehouseError('GH-APPROVAL-007', 'You voted on this request before, and a vote cannot be changed.', {
      status: 409,
    }),
  stale: () =>
    new GatehouseError(
      'GH-APPROVAL-008',
      'This request was replaced by a newer one of the same workflow step.',
      {
        status: 409,
        next: 'Decide the newer request; the approvals page lists it.',
      },
    ),
  signInFirst: (url: string) =>
    new GatehouseError(
      'GH-APPROVAL-009',
      'A request of this kind is decided signed in, not through a link.',
      {
        status: 403,
        next: `Decide it at ${url}.`,
      },
    ),
  late: () =>
    new GatehouseError(
      'GH-APPROVAL-010',
      'The deadline of this request has passed, so nothing was counted.',
      {
        status: 409,
        next: 'It has to be asked for again.',
      },
    ),
  notRequester: () =>
    new GatehouseError('GH-APPROVAL-011', 'Only the person who asked can cancel a request.', { status: 403 }),
  ownEdit: () =>
    new GatehouseError('GH-APPROVAL-020', 'You changed this request, so your own vote does not count.', {
      status: 403,
      next: 'Somebody else among the approvers has to decide.',
    }),
  notEditable: () =>
    new GatehouseError(
      'GH-APPROVAL-021',
      'This request cannot be changed: its workflow takes no other call.',
      {
        status: 409,
        next: 'Reject it, and say in the comment what should be asked instead.',
      },
    ),
  notEditor: () =>
    new GatehouseError('GH-APPROVAL-022', 'You are not among the people who may change this request.', {
      status: 403,
    }),
  unusableEdit: (field: string, text: string) =>
    new GatehouseError('GH-APPROVAL-023', `${field} ${text}. The request stays as it was.`, {
      status: 400,
      field,
      next: 'Correct the field and send it again.',
    }),
  unchanged: () =>
    new GatehouseError('GH-APPROVAL-024', 'Nothing was changed, so the request stays as it was.', {
      status: 400,
      next: 'Change a value, or go back and decide.',
    }),
  editDenied: (reasons: readonly Reason[]) =>
    new GatehouseError(
      'GH-APPROVAL-025',
      `The policy refuses the changed request: ${reasons.map((reason) => reason.text).join(' ')} The request stays as it was.`,
      {
        status: 403,
        next: `Reason ${reasons.map((reason) => reason.code).join(', ')}. Change it otherwise, or decide it as it is.`,
      },
    ),
  tooFewLeft: () =>
    new GatehouseError(
      'GH-APPROVAL-026',
      'Whoever changes this request has no vote on it, and then too few people would be left to decide it.',
      { status: 409, next: 'Reject it, and say in the comment what should be asked instead.' },
    ),
  tooOften: () =>
    new GatehouseError('GH-APPROVAL-027', 'This request was changed too often already.', {
      status: 409,
      next: 'Decide it as it is now.',
    }),
  textGone: () =>
    new GatehouseError(
      'GH-APPROVAL-028',
      'The message behind this request was deleted when its retention ended, so it cannot be changed.',
      { status: 409, next: 'Decide it as it is, or let it be asked for again.' },
    ),
  editBlind: (reason: string) =>
    new GatehouseError('GH-APPROVAL-051', `${reason} The request stays as it was.`, {
      status: 409,
      next: 'Correct the change, or try it again when the system of record answers.',
    }),
  notAsker: () =>
    new GatehouseError('GH-APPROVAL-029', 'Only the people who may decide a request can ask about it.', {
      status: 403,
    }),
  nobodyAnswers: () =>
    new GatehouseError('GH-APPROVAL-030', 'No person is behind this request who could answer.', {
      status: 409,
      next: 'Decide it by what the card shows.',
    }),
  tooManyQuestions: () =>
    new GatehouseError('GH-APPROVAL-031', 'Enough questions wait for an answer already.', {
      status: 409,
      next: 'Wait until the requester has answered them.',
    }),
  noQuestion: () =>
    new GatehouseError('GH-APPROVAL-032', 'There is no such open question, or it is not yours to answer.', {
      status: 404,
    }),
  emptyText: (field: string) =>
    new GatehouseError('GH-APPROVAL-033', 'There is no text yet, so nothing was sent.', {
      status: 400,
      field,
      next: 'Write a sentence, at most 1000 characters.',
    }),
  noStanding: () =>
    new GatehouseError('GH-APPROVAL-034', 'There is no such standing grant, or it is not yours to end.', {
      status: 404,
      next: 'The approvals page lists those that you can end.',
    }),
  notTheirs: () =>
    new GatehouseError(
      'GH-APPROVAL-041',
      'This account is not linked to the person it votes for, so nothing was counted.',
      {
        status: 403,
        next: 'Vote with an account that policies/people.yaml or a pairing gives you.',
      },
    ),
  tooNew: (votesFrom: Date) =>
    new GatehouseError(
      'GH-APPROVAL-042',
      `This account was linked to you lately and may vote from ${votesFrom.toISOString().slice(0, 16).replace('T', ' ')} UTC on.`,
      { status: 403, next: 'Decide with an account that you had before.' },
    ),
  sourceVoted: () =>
    new GatehouseError(
      'GH-APPROVAL-043',
      'This account or authenticator gave a vote on this request already; it counts once.',
      { status: 409, next: 'A second person has to decide with an account of their own.' },
    ),
  seatTaken: (display: string) =>
    new GatehouseError('GH-APPROVAL-044', `The vote of ${display} is in already.`, {
      status: 409,
      next: 'A person and who stands in for them have one vote together.',
    }),
  oneRelayed: (url: string) =>
    new GatehouseError(
      'GH-APPROVAL-045',
      'One vote came through the n8n form already, and only one of a quorum may.',
      { status: 409, next: `Decide it signed in at ${url}, or with the button of your message.` },
    ),
  notIntact: () =>
    new GatehouseError(
      'GH-APPROVAL-050',
      'What is stored of this request is not what people were asked about, so it was closed.',
      { status: 409, next: 'Ask for it again, and tell an operator: the receipts show what was asked.' },
    ),
  factorNeeded: (url: string) =>
    new GatehouseError(
      'GH-APPROVAL-061',
      'A request of this kind is decided with a second factor, so nothing was counted.',
      { status: 403, next: `Decide it signed in at ${url}, with a passkey or a one-time code.` },
    ),
  foreignDecision: (index: number) =>
    new GatehouseError(
      'GH-APPROVAL-012',
      'This decision is unknown, belongs to another message, or asks nobody.',
      {
        status: 400,
        field: `items.${index}.decision`,
        next: 'Pass the decision of a Policy Check of this same run whose effect is confirm or approve.',
      },
    ),
  resumePath: (index: number) =>
    new GatehouseError(
      'GH-APPROVAL-013',
      'This is not the resume path of this execution, node and decision.',
      {
        status: 400,
        field: `items.${index}.resumePath`,
        next: "Pass path and query of n8n's signed resume URL, made with approval=<decision>.",
      },
    ),
} as const;
