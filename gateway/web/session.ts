import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { GatehouseError } from '../config/index.ts';
import type { WebDeps, WebPerson } from './deps.ts';
import { checkCsrf } from './security.ts';

/** The signed-in person of a request. */
export interface Viewer {
  principal: string;
  display: string;
  csrf: string;
  /** The session's own token; only compared and looked up, never shown. */
  session: string;
  seesAllReceipts: boolean;
  /** Owners and administrators: they may turn kill switches and see how it is set up. */
  steers: boolean;
}

/**
 * Name of the session cookie. `__Host-` binds it to this very host where the browser allows it, over https. Cookies know
 * no ports: without the port in its name, a second Gatehouse on this machine would end the sessions of the first.
 */
export function cookieName(publicUrl: string): string {
  const { protocol, port } = new URL(publicUrl);
  if (protocol === 'https:') return '__Host-gatehouse';
  return port === '' ? 'gatehouse' : `gatehouse-${port}`;
}

/** Sets (or with null clears) the session cookie. It lasts as long as the browser or the stored session. */
export function setSession(response: Response, publicUrl: string, session: string | null): void {
  const options = {
    httpOnly: true,
    sameSite: 'lax',
    secure: publicUrl.startsWith('https:'),
    path: '/',
  } as const;
  if (session === null) response.clearCookie(cookieName(publicUrl), options);
  else response.cookie(cookieName(publicUrl), session, options);
}

/** Who the session cookie says is here, or null. A person who was removed from people.yaml is nobody. */
export async function findViewer(request: Request, deps: WebDeps): Promise<Viewer | null> {
  const session = readCookie(request.get('cookie') ?? '', cookieName(deps.publicUrl));
  if (!session) return null;
  const found = await deps.signIn.session(session);
  const person = found ? deps.people.get(found.principal) : null;
  if (!found || !person) return null;
  return {
    principal: person.principal,
    display: person.display,
    csrf: found.csrf,
    session,
    seesAllReceipts: seesAllReceipts(person),
    steers: person.roles.some((role) => role === 'owner' || role === 'admin'),
  };
}

/** Whether the session of a page's stream goes on, and is still its person's. */
export async function stillSignedIn(deps: WebDeps, viewer: Viewer): Promise<boolean> {
  const session = await deps.signIn.session(viewer.session);
  return session?.principal === viewer.principal && Boolean(deps.people.get(viewer.principal));
}

/** Approvers and auditors see every chain; everyone else sees what they asked for. */
function seesAllReceipts(person: WebPerson): boolean {
  return [...person.roles, ...person.groups].some((name) => /^(approvers?|auditors?)$/.test(name));
}

type Handler = (
  viewer: Viewer,
  request: Request,
  response: Response,
  next: NextFunction,
) => Promise<void> | void;

/**
 * A page for signed-in people. The error page is told who they are, so that it keeps their navigation.
 * @throws GatehouseError 401 `GH-WEB-001` when nobody is signed in
 */
export function signedIn(deps: WebDeps, handler: Handler): RequestHandler {
  return async (request, response, next) => {
    const viewer = await findViewer(request, deps);
    if (!viewer) {
      throw new GatehouseError('GH-WEB-001', 'You are not signed in.', {
        status: 401,
        next: 'Open your personal sign-in link; Gatehouse prints it when it starts, and an administrator can make a new one.',
      });
    }
    response.locals.viewer = viewer;
    await handler(viewer, request, response, next);
  };
}

/** A form of a signed-in person: `signedIn`, then the CSRF token. Parse and check the origin first. */
export function signedInForm(deps: WebDeps, handler: Handler): RequestHandler {
  return signedIn(deps, (viewer, request, response, next) => {
    checkCsrf(request, viewer.csrf);
    return handler(viewer, request, response, next);
  });
}

/** Parses a form. 20,000 characters of text may take 9 bytes each when they are percent-encoded. */
export const parseForm: RequestHandler = express.urlencoded({
  extended: false,
  limit: '256kb',
  parameterLimit: 100,
});

/** One text field of a parsed form, `''` when it is absent or repeated. */
export function field(request: Request, name: string): string {
  const value = (request.body as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : '';
}

function readCookie(header: string, name: string): string | null {
  for (const part of header.split(';')) {
    const [key, value] = part.trim().split('=', 2);
    if (key === name && value) return value;
  }
  return null;
}
