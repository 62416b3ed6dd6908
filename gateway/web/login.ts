import { Router } from 'express';
import { GatehouseError } from '../config/index.ts';
import { hashToken } from '../envelope/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, findViewer, parseForm, setSession, signedInForm } from './session.ts';

/**
 * Signing in and out. The link only shows who would be signed in: link previews and scanners open links, and a GET
 * that used the token up would sign in the scanner.
 */
export function loginRoutes(deps: WebDeps): Router {
  const router = Router();

  router.get('/login', async (request, response) => {
    response.locals.viewer = await findViewer(request, deps);
    const token = typeof request.query.token === 'string' ? request.query.token : '';
    const principal = token === '' ? null : await principalOf(token, deps);
    const person = principal === null ? null : deps.people.get(principal);
    if (token !== '' && !person) throw staleLink();
    page(response, 'login', { title: 'Sign in', person: person ?? null, token });
  });

  // No session exists yet, so there is no CSRF token to compare: the login token is itself the unguessable value of
  // this form, and the Origin check keeps another site from signing someone in as itself.
  router.post('/login', originCheck(deps.publicUrl), parseForm, async (request, response) => {
    const token = field(request, 'token');
    const earlier = await findViewer(request, deps);
    const redeemed = token === '' ? null : await deps.signIn.redeem(token);
    if (!redeemed || !deps.people.get(redeemed.principal)) throw staleLink();
    if (earlier) await deps.signIn.end(earlier.session);
    setSession(response, deps.publicUrl, redeemed.session);
    const { invited } = await deps.signIn.standing(redeemed.session);
    response.redirect(303, invited ? '/account/security' : '/');
  });

  router.post(
    '/logout',
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, _request, response) => {
      await deps.signIn.end(viewer.session);
      setSession(response, deps.publicUrl, null);
      response.redirect(303, '/login');
    }),
  );
  return router;
}

/** Whom a login token would sign in; looking does not use it up. */
async function principalOf(token: string, deps: WebDeps): Promise<string | null> {
  const { rows } = await deps.pool.query<{ principal: string }>(
    'select principal from web_logins where token_hash = $1 and expires_at > now()',
    [hashToken(token)],
  );
  return rows[0]?.principal ?? null;
}

function staleLink(): GatehouseError {
  return new GatehouseError(
    'GH-WEB-002',
    'This sign-in link was used already, has run out, or is not complete.',
    {
      status: 401,
      next: 'Ask for a new link; each one works once.',
    },
  );
}
