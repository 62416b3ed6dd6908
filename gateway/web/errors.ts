import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import { GatehouseError } from '../config/index.ts';
import type { WebDeps } from './deps.ts';
import { fragment, page } from './render.ts';
import { pageHeaders } from './security.ts';
import { findViewer } from './session.ts';

const titles: Record<number, string> = {
  400: 'That did not work',
  401: 'Please sign in',
  403: 'Not allowed',
  404: 'Nothing here',
  409: 'Somebody was faster',
  413: 'Too large',
  429: 'One moment',
  503: 'Not available right now',
};

/**
 * Error pages for people: what happened, what it means, what to do. Programs (no `Accept: text/html`) and the APIs
 * get the error as it is, for the problem+json handler that comes after.
 */
export function webErrorPages(deps: WebDeps): ErrorRequestHandler {
  const headers = pageHeaders(deps.publicUrl.startsWith('https:'));
  return async (error, request, response, next) => {
    const scripted = request.get('hx-request') === 'true';
    if (response.headersSent || !(scripted || wantsPage(request))) return next(error);
    const problem = deps.problemOf(error);
    if (problem.status >= 500)
      deps.log.error({ err: error as Error, code: problem.code, path: request.path }, 'page failed');
    response.locals.viewer ??= scripted ? null : await findViewer(request, deps).catch(() => null);
    headers(request, response, () => {
      response.status(problem.status);
      if (problem.retryAfter !== undefined) response.set('Retry-After', String(problem.retryAfter));
      // A page that sent its form by script shows the problem where the form is.
      if (scripted) response.type('html').send(fragment('problem', { problem }));
      else page(response, 'error', { title: titles[problem.status] ?? 'Something went wrong', problem });
    });
  };
}

/** 404 for people; everything else falls through to the next handler. */
export const webNotFound: RequestHandler = (request, _response, next) => {
  if (!wantsPage(request)) return next();
  throw new GatehouseError('GH-WEB-404', 'There is no page at this address.', {
    status: 404,
    next: 'Check the address, or go on from the chat.',
  });
};

function wantsPage(request: Request): boolean {
  if (/^\/(v1|channels|events|assets|webhook-waiting|healthz|readyz|metrics)(\/|$)/.test(request.path))
    return false;
  return request.accepts(['json', 'html']) === 'html';
}
