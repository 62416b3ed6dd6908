import { Router, type Request, type Response } from 'express';
import { GatehouseError, toProblem, type Problem } from '../config/index.ts';
import { approvalPage, findCard } from './approval-page.ts';
import type { ApprovalCard, EditField, WebDeps } from './deps.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, type Viewer } from './session.ts';

const argument = 'arg.';

/** What people may do with a request besides voting: change it, ask about it, answer, end what it allowed for longer. */
export function approvalChangeRoutes(deps: WebDeps): Router {
  const router = Router();
  /** A form of one request. What is refused is shown by `again`, with what was typed. */
  const form = (
    path: string,
    work: (viewer: Viewer, id: string, request: Request) => Promise<string>,
    again: (
      viewer: Viewer,
      id: string,
      request: Request,
      response: Response,
      problem: Problem,
    ) => Promise<void>,
  ): void => {
    router.post(
      path,
      originCheck(deps.publicUrl),
      parseForm,
      signedInForm(deps, async (viewer, request, response) => {
        const id = String(request.params.id);
        try {
          response.redirect(303, await work(viewer, id, request));
        } catch (error) {
          const problem = toProblem(error);
          if (problem.status >= 500) throw error;
          response.status(problem.status);
          await again(viewer, id, request, response, problem);
        }
      }),
    );
  };
  const onItsPage: Parameters<typeof form>[2] = async (viewer, id, request, response, problem) => {
    const question = field(request, 'question');
    await approvalPage(deps, viewer, response, await findCard(deps, id, viewer), { problem, question });
  };

  router.get(
    '/approvals/:id/edit',
    signedIn(deps, async (viewer, request, response) => {
      const id = String(request.params.id);
      const card = await findCard(deps, id, viewer, { link: false });
      editPage(response, card, await deps.approvals.editForm(id, viewer.principal), null);
    }),
  );
  form(
    '/approvals/:id/edit',
    async (viewer, id, request) => {
      const edited = await deps.approvals.editByForm({
        approvalId: id,
        principal: viewer.principal,
        values: valuesOf(request),
        channel: 'web',
        shownDigest: field(request, 'digest'),
      });
      return `/approvals/${encodeURIComponent(edited.approvalId)}`;
    },
    async (viewer, id, request, response, problem) => {
      const card = await findCard(deps, id, viewer);
      // Decided or changed meanwhile: there is nothing left to fill in.
      if (!card.mayEdit) return approvalPage(deps, viewer, response, card, { problem });
      const values = valuesOf(request);
      const fields = await deps.approvals.editForm(id, viewer.principal);
      const typed = fields.map((entry) => ({ ...entry, value: values[entry.name] ?? entry.value }));
      editPage(response, card, typed, problem);
    },
  );
  form(
    '/approvals/:id/questions',
    async (viewer, id, request) => {
      await deps.approvals.askBack({
        approvalId: id,
        principal: viewer.principal,
        channel: 'web',
        question: field(request, 'question'),
      });
      return `/approvals/${encodeURIComponent(id)}#questions`;
    },
    onItsPage,
  );
  form(
    '/approvals/:id/answers',
    async (viewer, id, request) => {
      await deps.approvals.answer({
        approvalId: id,
        questionId: field(request, 'question'),
        principal: viewer.principal,
        channel: 'web',
        answer: field(request, 'answer'),
      });
      return `/approvals/${encodeURIComponent(id)}#questions`;
    },
    async (viewer, id, _request, response, problem) =>
      approvalPage(deps, viewer, response, await findCard(deps, id, viewer), { problem }),
  );
  form(
    '/approvals/standing/:id/end',
    async (viewer, id) => {
      await deps.approvals.revokeStanding(id, { principal: viewer.principal, channel: 'web' });
      return '/approvals#standing';
    },
    (_viewer, _id, _request, _response, problem) => {
      throw new GatehouseError(problem.code, problem.detail, { status: problem.status, next: problem.next });
    },
  );
  return router;
}

function valuesOf(request: Request): Record<string, string> {
  const body = Object.entries((request.body ?? {}) as Record<string, unknown>);
  return Object.fromEntries(
    body.flatMap(([name, value]) =>
      name.startsWith(argument) && typeof value === 'string' ? [[name.slice(argument.length), value]] : [],
    ),
  );
}

function editPage(
  response: Response,
  card: ApprovalCard,
  fields: readonly EditField[],
  problem: Problem | null,
): void {
  page(response, 'edit', { title: `Change: ${card.effect}`, current: 'approvals', card, fields, problem });
}
