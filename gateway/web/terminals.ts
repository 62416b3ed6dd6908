import { Router, json, type Request, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { GatehouseError, toProblem } from '../config/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, type Viewer } from './session.ts';

/**
 * Terminals that act for a person. The device flow (RFC 8628) gives them a session of their own, which is no session of
 * a browser: it reads and votes on approvals, and opens nothing else.
 */
export function terminalRoutes(deps: WebDeps): Router {
  const router = Router();
  router.use('/terminal', (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  flowRoutes(router, deps);
  pageRoutes(router, deps);
  sessionRoutes(router, deps);
  return router;
}

/** What the terminal itself asks, without being anybody yet. Requests are forms and answers JSON, as the RFC has them. */
function flowRoutes(router: Router, { terminals, people, publicUrl }: WebDeps): void {
  router.post('/terminal/codes', parseForm, async (request, response) => {
    const name = { host: field(request, 'host'), account: field(request, 'account') };
    const begun = await terminals.begin(name, request.ip ?? '');
    response.json({
      device_code: begun.deviceCode,
      user_code: begun.userCode,
      verification_uri: `${publicUrl}/terminal`,
      expires_in: begun.seconds,
      interval: terminals.interval,
    });
  });

  // The names of the errors are those of RFC 8628, 3.5.
  const errors = {
    waiting: 'authorization_pending',
    slow: 'slow_down',
    refused: 'access_denied',
    expired: 'expired_token',
  } as const;
  router.post('/terminal/token', parseForm, async (request, response) => {
    const collected = await terminals.collect(field(request, 'device_code'));
    if (collected.state !== 'confirmed') {
      response.status(400).json({ error: errors[collected.state] });
      return;
    }
    response.json({
      access_token: collected.token,
      token_type: 'Bearer',
      expires_in: collected.seconds,
      principal: collected.principal,
      display: people.get(collected.principal)?.display ?? collected.principal,
    });
  });
}

/** Where the person says which terminal may act for them. */
function pageRoutes(router: Router, deps: WebDeps): void {
  const { terminals, publicUrl } = deps;
  const form = [originCheck(publicUrl), parseForm];
  const show = async (response: Response, viewer: Viewer, more: Record<string, unknown> = {}) =>
    page(response, 'terminal', {
      title: 'Sign in a terminal',
      current: '',
      terminals: await terminals.list(viewer.principal),
      asking: null,
      answered: null,
      code: '',
      problem: null,
      ...more,
    });

  router.get(
    '/terminal',
    signedIn(deps, (viewer, _request, response) => show(response, viewer)),
  );
  router.post(
    '/terminal',
    ...form,
    signedInForm(deps, (viewer, request, response) =>
      showing(viewer, response, async () => {
        const code = field(request, 'code').slice(0, 32);
        const asking = await terminals.question(code, viewer.principal);
        if (!asking) throw wrongCode();
        return { asking, code };
      }),
    ),
  );
  router.post(
    '/terminal/answer',
    ...form,
    signedInForm(deps, (viewer, request, response) =>
      showing(viewer, response, async () => {
        const yes = yesOf(field(request, 'answer'));
        const terminal = await terminals.answer(field(request, 'code').slice(0, 32), viewer.principal, yes);
        if (!terminal) throw wrongCode();
        return { answered: { ...terminal, yes } };
      }),
    ),
  );
  router.post(
    '/terminal/end',
    ...form,
    signedInForm(deps, async ({ principal }, request, response) => {
      await terminals.end({ id: field(request, 'terminal'), principal });
      response.redirect(303, '/terminal');
    }),
  );

  async function showing(
    viewer: Viewer,
    response: Response,
    work: () => Promise<Record<string, unknown>>,
  ): Promise<void> {
    try {
      await show(response, viewer, await work());
    } catch (error) {
      const problem = toProblem(error);
      if (problem.status >= 500) throw error;
      response.status(problem.status);
      await show(response, viewer, { problem });
    }
  }
}

const Vote = z.strictObject({
  verdict: z.enum(['approve', 'reject']),
  comment: z.string().trim().max(2000).default(''),
  shown: z.string().min(8).max(80),
});

/** What a signed-in terminal does. */
function sessionRoutes(router: Router, deps: WebDeps): void {
  router.get(
    '/terminal/approvals',
    byTerminal(deps, async (principal, request, response) => {
      const { begins } = request.query;
      const wanted = typeof begins === 'string' ? begins : '';
      response.json({ approvals: await deps.approvals.pendingFor(principal, wanted) });
    }),
  );
  router.post(
    '/terminal/approvals/:id/votes',
    json({ limit: '16kb' }),
    byTerminal(deps, async (principal, request, response) => {
      const body = Vote.safeParse(request.body);
      if (!body.success || (body.data.verdict === 'reject' && body.data.comment === '')) {
        throw new GatehouseError(
          'GH-WEB-051',
          'A vote needs a verdict and what was shown, and a rejection a reason; nothing was decided.',
          { status: 400 },
        );
      }
      const { verdict, comment, shown } = body.data;
      const approvalId = String(request.params.id);
      const result = await deps.approvals.vote({
        approvalId,
        principal,
        verdict,
        comment: comment === '' ? null : comment,
        channel: 'terminal',
        shownDigest: shown,
      });
      response.json(result);
    }),
  );
  router.post(
    '/terminal/logout',
    byTerminal(deps, async (_principal, request, response) => {
      await deps.terminals.end({ token: tokenOf(request) });
      response.status(204).end();
    }),
  );
}

/** Runs a handler for whom a terminal acts. A person who was removed from people.yaml is nobody. */
function byTerminal(
  deps: WebDeps,
  handler: (principal: string, request: Request, response: Response) => Promise<void>,
): RequestHandler {
  return async (request, response) => {
    const principal = await deps.terminals.session(tokenOf(request));
    if (principal === null || !deps.people.get(principal)) {
      throw new GatehouseError('GH-WEB-052', 'This terminal is not signed in, or not any more.', {
        status: 401,
        next: 'npx gatehouse login',
      });
    }
    await handler(principal, request, response);
  };
}

/** No cookie counts here, so that no other site can use what a browser sends by itself. */
function tokenOf(request: Request): string {
  return /^Bearer (term_[\w-]{20,100})$/.exec(request.get('authorization') ?? '')?.[1] ?? '';
}

function wrongCode(): GatehouseError {
  return new GatehouseError('GH-WEB-050', 'No terminal waits with this code: it is wrong, used or too old.', {
    status: 404,
    field: 'code',
    next: 'Compare it with your terminal, or start again there; a code works for ten minutes.',
  });
}

function yesOf(answer: string): boolean {
  if (answer === 'yes' || answer === 'no') return answer === 'yes';
  throw new GatehouseError('GH-WEB-042', 'The form said neither yes nor no, so nothing was done.', {
    field: 'answer',
    next: 'Use one of the two buttons.',
  });
}
