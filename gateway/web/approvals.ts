import { Router, type Response } from 'express';
import { GatehouseError, toProblem } from '../config/index.ts';
import type { ApprovalCard, ApprovalState, Verdict, WebDeps } from './deps.ts';
import { withMoney, type Status } from './format.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, type Viewer } from './session.ts';

const words: Record<ApprovalState, Status> = {
  pending: 'waiting',
  approved: 'approved',
  rejected: 'rejected',
  expired: 'expired',
  cancelled: 'cancelled',
  undeliverable: 'unknown',
};

/** The inbox of approvals and each one's page. GET shows; only the form's POST decides. */
export function approvalRoutes(deps: WebDeps): Router {
  const router = Router();

  router.get(
    '/approvals',
    signedIn(deps, async (viewer, _request, response) => {
      const [pending, requested, decided] = await Promise.all([
        deps.approvals.pendingFor(viewer.principal),
        deps.approvals.requestedBy(viewer.principal),
        decidedLately(deps, viewer),
      ]);
      const lists = { pending, requested, decided };
      const seen = Object.fromEntries(
        Object.entries(lists).map(([name, cards]) => [
          name,
          cards.map((card) => ({ card, status: statusFor(card) })),
        ]),
      );
      page(response, 'approvals', { title: 'Approvals', current: 'approvals', ...seen });
    }),
  );

  router.get(
    '/approvals/:id',
    signedIn(deps, async (viewer, request, response) => {
      approvalPage(response, await find(deps, String(request.params.id), viewer), {});
    }),
  );

  router.post(
    '/approvals/:id/votes',
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, request, response) => {
      const id = String(request.params.id);
      const card = await find(deps, id, viewer);
      const comment = field(request, 'comment').trim();
      try {
        const verdict = verdictOf(field(request, 'verdict'), comment);
        if (field(request, 'digest') !== card.digest) {
          throw new GatehouseError(
            'GH-WEB-011',
            'The request changed after this page was shown, so the vote was not counted.',
            {
              status: 409,
              next: 'Read the page again, then decide.',
            },
          );
        }
        await deps.approvals.vote({
          approvalId: id,
          principal: viewer.principal,
          verdict,
          comment: comment === '' ? null : comment,
          channel: 'web',
          shownDigest: card.digest,
        });
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        approvalPage(response, await find(deps, id, viewer), { problem, comment });
        return;
      }
      response.redirect(303, `/approvals/${encodeURIComponent(id)}`);
    }),
  );
  return router;
}

function approvalPage(
  response: Response,
  card: ApprovalCard,
  extra: { problem?: unknown; comment?: string },
): void {
  page(response, 'approval', {
    title: withMoney(card.sentence, card.facts),
    current: 'approvals',
    card,
    status: statusFor(card),
    problem: null,
    comment: '',
    ...extra,
  });
}

function statusFor(card: ApprovalCard): Status {
  return card.state === 'pending' && card.mayVote ? 'needs-you' : words[card.state];
}

async function find(deps: WebDeps, id: string, viewer: Viewer): Promise<ApprovalCard> {
  const card = id.length > 128 ? null : await deps.approvals.card(id, viewer.principal);
  if (card) return card;
  throw new GatehouseError('GH-WEB-009', 'There is no such approval, or it is not yours to see.', {
    status: 404,
    next: 'The approvals page lists everything that waits for you.',
  });
}

function verdictOf(verdict: string, comment: string): Verdict {
  if (verdict !== 'approve' && verdict !== 'reject') {
    throw new GatehouseError(
      'GH-WEB-010',
      'The form said neither approve nor reject, so nothing was decided.',
      {
        status: 400,
        field: 'verdict',
        next: 'Use one of the two buttons.',
      },
    );
  }
  if (verdict === 'reject' && comment === '') {
    throw new GatehouseError('GH-WEB-012', 'A rejection needs a reason; nothing was decided yet.', {
      status: 400,
      field: 'comment',
      next: 'Write one sentence for the requester, then reject.',
    });
  }
  return verdict;
}

async function decidedLately(deps: WebDeps, viewer: Viewer): Promise<ApprovalCard[]> {
  const { rows } = await deps.pool.query<{ approval_id: string }>(
    'select approval_id from votes where principal = $1 order by voted_at desc limit 10',
    [viewer.principal],
  );
  const cards = await Promise.all(
    rows.map((row) => deps.approvals.card(row.approval_id, viewer.principal).catch(() => null)),
  );
  return cards.filter((card): card is ApprovalCard => card !== null);
}
