import { Router, type Response } from 'express';
import { GatehouseError, toProblem } from '../config/index.ts';
import type { IdentityQuestion, WebDeps } from './deps.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, type Viewer } from './session.ts';

/** The question whether an account is one's own. GET shows; only the form's POST answers. */
export function identityRoutes(deps: WebDeps): Router {
  const router = Router();

  router.get(
    '/identities/:code',
    signedIn(deps, async (viewer, request, response) => {
      questionPage(response, await find(deps, String(request.params.code), viewer), null);
    }),
  );

  router.post(
    '/identities/:code',
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, request, response) => {
      const question = await find(deps, String(request.params.code), viewer);
      try {
        const linked = await deps.identities.answer(
          question.code,
          viewer.principal,
          yesOf(field(request, 'answer')),
        );
        page(response, 'identity', { title: 'Your account', current: '', question, linked, problem: null });
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        questionPage(response, question, problem);
      }
    }),
  );
  return router;
}

function questionPage(response: Response, question: IdentityQuestion, problem: unknown): void {
  page(response, 'identity', {
    title: 'Is this account yours?',
    current: '',
    question,
    linked: null,
    problem,
  });
}

async function find(deps: WebDeps, code: string, viewer: Viewer): Promise<IdentityQuestion> {
  const question = code.length > 16 ? null : await deps.identities.question(code, viewer.principal);
  if (question) return question;
  throw new GatehouseError('GH-WEB-041', 'There is no such question, or it is answered already.', {
    status: 404,
    next: 'Write from the new account again to get a new code for an administrator.',
  });
}

function yesOf(answer: string): boolean {
  if (answer === 'yes' || answer === 'no') return answer === 'yes';
  throw new GatehouseError('GH-WEB-042', 'The form said neither yes nor no, so nothing was linked.', {
    field: 'answer',
    next: 'Use one of the two buttons.',
  });
}
