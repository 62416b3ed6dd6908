import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { GatehouseError } from '../config/index.ts';

/**
 * Security headers of our pages: scripts only with this response's nonce, nothing from elsewhere, no framing.
 * @param secure whether people reach the pages over https
 */
export function pageHeaders(secure: boolean): RequestHandler {
  const headers = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: [
          (_request: IncomingMessage, response: ServerResponse) =>
            `'nonce-${(response as Response).locals.nonce}'`,
        ],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // `no-referrer` would make browsers send `Origin: null` with our own forms (Fetch standard, "append a request
    // Origin header"), and the Origin check could not tell them from a stranger's.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: secure,
    xFrameOptions: { action: 'deny' },
  });
  return (request, response, next) => {
    response.locals.nonce = randomBytes(16).toString('base64');
    response.set('Cache-Control', 'no-store');
    headers(request, response, next);
  };
}

/**
 * Refuses a form that another site sent. Browsers put `Origin` on every POST; its absence is refused as well.
 * @throws GatehouseError 403 `GH-WEB-003`
 */
export function originCheck(publicUrl: string): RequestHandler {
  const allowed = origins(publicUrl);
  return (request, _response, next) => {
    if (allowed.has(request.get('origin') ?? '')) return next();
    throw new GatehouseError(
      'GH-WEB-003',
      'This form was not sent from Gatehouse’s own page, so nothing was done.',
      {
        status: 403,
        next: `Open ${publicUrl} and send it again from there.`,
      },
    );
  };
}

/** The public origin; on one's own machine also its other spellings, which no other site can have. */
function origins(publicUrl: string): Set<string> {
  const url = new URL(publicUrl);
  const loopback = ['localhost', '127.0.0.1', '[::1]'];
  const hosts = loopback.includes(url.hostname) ? loopback : [url.hostname];
  const port = url.port === '' ? '' : `:${url.port}`;
  return new Set(hosts.map((host) => `${url.protocol}//${host}${port}`));
}

/**
 * Checks the form's `csrf` field against the session's.
 * @throws GatehouseError 403 `GH-WEB-004`
 */
export function checkCsrf(request: Request, expected: string): void {
  const given = (request.body as Record<string, unknown> | undefined)?.csrf;
  const left = Buffer.from(typeof given === 'string' ? given : '');
  const right = Buffer.from(expected);
  if (left.length === right.length && right.length > 0 && timingSafeEqual(left, right)) return;
  throw new GatehouseError('GH-WEB-004', 'This page belongs to an earlier sign-in, so nothing was done.', {
    status: 403,
    next: 'Reload the page and send it again.',
  });
}
