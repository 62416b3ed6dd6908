import type { RequestHandler } from 'express';
import { parseJson } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import { readBody } from './body.ts';

/** `application/json`, and `application/<anything>+json` (RFC 6839 §3.1). */
const asJson = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** Longest name of a field that an answer repeats; anything else could be the content itself. */
const plainName = /^[\w-]{1,60}$/;

/**
 * Reads a JSON body as strictly as a vendor's: no key twice (two readers would see two calls), bounded nesting, and
 * nothing that Postgres cannot hold. A missing body stays undefined.
 * @param limit most bytes
 * @returns handlers that throw GatehouseError 400 `GH-HTTP-400` with the field at fault
 */
export function jsonBody(limit: number): RequestHandler[] {
  return [
    readBody(limit),
    (request, _response, next) => {
      if (!Buffer.isBuffer(request.body)) return next();
      if (!asJson.test(request.get('content-type') ?? '')) {
        throw unreadable(
          'The body is not sent as JSON.',
          'content-type',
          'Send Content-Type: application/json.',
        );
      }
      const parsed = parseJson(request.body);
      if (!('value' in parsed)) throw unreadable(parsed.reason, fieldName(parsed.field.split('.')));
      request.body = parsed.value;
      next();
    },
  ];
}

/** Refuses an address that no row could be found under: Postgres's text cannot hold NUL. */
export const readableAddress: RequestHandler = (request, _response, next) => {
  if (/%00/.test(request.originalUrl)) throw unreadable('The address holds a NUL character.', 'address');
  next();
};

/** A path of names as one field, without what a sender could have hidden in a name. */
export function fieldName(path: readonly PropertyKey[]): string {
  const names = path.map(String);
  return names.map((name) => (plainName.test(name) ? name : '?')).join('.') || 'body';
}

function unreadable(reason: string, field: string, next?: string): GatehouseError {
  return new GatehouseError('GH-HTTP-400', reason, { status: 400, field, next });
}
