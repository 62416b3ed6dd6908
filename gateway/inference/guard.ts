import { timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { GatehouseError } from '../config/index.ts';
import { hashToken } from '../envelope/index.ts';

const shortest = 16;

/**
 * Lets only programs of this machine in: no page of a browser, also not by a name that leads here (DNS rebinding), and, where
 * there is a key, nobody without it.
 * @throws GatehouseError `GH-INFER-008` for a key that is too short
 */
export function guard(key: string | undefined): RequestHandler {
  if (key !== undefined && key.length < shortest)
    throw new GatehouseError('GH-INFER-008', `The key has less than ${shortest} characters.`, {
      status: 500,
      next: 'Set a longer GATEHOUSE_MODELS_KEY, or none.',
    });
  const wanted = key === undefined ? null : hashToken(key);
  return (request, _response, next) => {
    if (request.headers.origin !== undefined || !isLoopback(request.headers.host))
      throw new GatehouseError('GH-INFER-009', 'Only programs of this machine may ask.', {
        status: 403,
        next: 'Ask by http://127.0.0.1, and not from a page.',
      });
    const given = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (wanted && !timingSafeEqual(wanted, hashToken(given)))
      throw new GatehouseError('GH-INFER-010', 'The key is not the one of this endpoint.', {
        status: 401,
        next: 'Send what GATEHOUSE_MODELS_KEY holds as a bearer token; in models.yaml name the secret that holds it.',
      });
    next();
  };
}

const isLoopback = (host: string | undefined): boolean =>
  /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(host ?? '');
