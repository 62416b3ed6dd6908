import { Router, type Request } from 'express';
import { GatehouseError, toProblem } from '../config/index.ts';
import { voting } from '../factors/index.ts';
import { approvalChangeRoutes } from './approval-changes.ts';
import { approvalPage, findCard } from './approval-page.ts';
import type { ApprovalCard, StandingWish, Verdict, WebDeps } from './deps.ts';
import { proofIn } from './factors.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm } from './session.ts';

/** The page of each approval. GET shows; only the form's POST decides. */
export function approvalRoutes(deps: WebDeps): Router {
  const router = Router();

  router.get(
    '/approvals/:id',
    signedIn(deps, async (viewer, request, response) => {
      const card = await findCard(deps, String(request.params.id), viewer);
      await approvalPage(deps, viewer, response, card, {});
    }),
  );

  router.post(
    '/approvals/:id/challenge',
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, request, response) => {
      const card = await findCard(deps, String(request.params.id), viewer, { link: false });
      const purpose = purposeOf(request, card);
      checkShown(request, card);
      response.json(await deps.factors.challenge(viewer.principal, purpose));
    }),
  );

  router.post(
    '/approvals/:id/votes',
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, request, response) => {
      const id = String(request.params.id);
      const card = await findCard(deps, id, viewer, { link: false });
      const comment = field(request, 'comment').trim();
      try {
        const verdict = verdictOf(field(request, 'verdict'), comment);
        checkShown(request, card);
        const proof = card.strict && card.mayVote ? proofIn(request) : null;
        await deps.approvals.vote({
          approvalId: id,
          principal: viewer.principal,
          verdict,
          comment: comment === '' ? null : comment,
          channel: 'web',
          shownDigest: card.binding,
          ...standingOf(request),
          ...(proof && {
            authenticator: await deps.factors.prove(viewer.principal, purposeOf(request, card), proof),
          }),
        });
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        await approvalPage(deps, viewer, response, await findCard(deps, id, viewer), { problem, comment });
        return;
      }
      response.redirect(303, `/approvals/${encodeURIComponent(id)}`);
    }),
  );
  router.use(approvalChangeRoutes(deps));
  return router;
}

/** What a second factor is asked to confirm: all that this very form decides. */
function purposeOf(request: Request, card: ApprovalCard): string {
  const verdict = verdictOf(field(request, 'verdict'), field(request, 'comment').trim());
  return voting({ approvalId: card.id, binding: card.binding, verdict, ...standingOf(request) });
}

/** @throws GatehouseError 409 `GH-WEB-011` where the page showed something else */
function checkShown(request: Request, card: ApprovalCard): void {
  if (field(request, 'binding') === card.binding) return;
  throw new GatehouseError(
    'GH-WEB-011',
    'The request changed after this page was shown, so the vote was not counted.',
    { status: 409, next: 'Read the page again, then decide.' },
  );
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

/** What the approver wants to allow beyond this one call, where the box was ticked. */
function standingOf(request: Request): { standing?: StandingWish } {
  if (field(request, 'standing') !== 'yes' || field(request, 'verdict') !== 'approve') return {};
  const [hours, calls, amount] = ['hours', 'calls', 'amount'].map((name) => field(request, name).trim());
  return {
    standing: {
      hours: Number(hours),
      ...(calls ? { calls: Number(calls) } : {}),
      ...(amount ? { amount } : {}),
    },
  };
}
