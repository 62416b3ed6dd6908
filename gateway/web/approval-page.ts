import type { Response } from 'express';
import { GatehouseError } from '../config/index.ts';
import type { ApprovalCard, ApprovalState, WebDeps } from './deps.ts';
import { ableToVote } from './factors.ts';
import { withMoney, type Status } from './format.ts';
import { page } from './render.ts';
import type { Viewer } from './session.ts';

const words: Record<ApprovalState, Status> = {
  pending: 'waiting',
  approved: 'approved',
  rejected: 'rejected',
  expired: 'expired',
  cancelled: 'cancelled',
  superseded: 'superseded',
  undeliverable: 'unknown',
};

/** Shows one request, with what its viewer can confirm a vote with, and with what went wrong where something did. */
export async function approvalPage(
  deps: WebDeps,
  viewer: Viewer,
  response: Response,
  card: ApprovalCard,
  extra: { problem?: unknown; comment?: string; question?: string },
): Promise<void> {
  page(response, 'approval', {
    title: withMoney(card.sentence, card.facts),
    current: 'approvals',
    card,
    status: statusFor(card),
    able: card.strict && card.mayVote ? await ableToVote(deps, viewer.principal) : null,
    problem: null,
    comment: '',
    question: '',
    ...extra,
  });
}

/** How a request stands for its viewer. */
export function statusFor(card: Pick<ApprovalCard, 'state' | 'mayApprove'>): Status {
  return card.state === 'pending' && card.mayApprove ? 'needs-you' : words[card.state];
}

/**
 * A request that the viewer may see.
 * @param wanted.link false where nobody is shown a way to the n8n form: to make one is to write it down
 * @throws GatehouseError 404 `GH-WEB-009`
 */
export async function findCard(
  deps: WebDeps,
  id: string,
  viewer: Viewer,
  wanted?: { link: boolean },
): Promise<ApprovalCard> {
  const card = id.length > 128 ? null : await deps.approvals.card(id, viewer.principal, wanted);
  if (card) return card;
  throw new GatehouseError('GH-WEB-009', 'There is no such approval, or it is not yours to see.', {
    status: 404,
    next: 'The approvals page lists everything that waits for you.',
  });
}
