import { createHmac, hash, randomBytes, type KeyObject } from 'node:crypto';
import canonicalize from 'canonicalize';

/**
 * SHA-256 of the canonical form (RFC 8785) of a JSON value.
 * @returns `sha256:<64 hex digits>`
 * @throws TypeError for what JSON cannot say (undefined, NaN, a lone surrogate, a cycle)
 */
export function digest(value: unknown): string {
  const canonical = canonicalize(value);
  if (canonical === undefined || !canonical.isWellFormed()) throw new TypeError('not canonical JSON');
  return digestOfText(canonical);
}

/** SHA-256 of text or bytes as they are. @returns `sha256:<64 hex digits>` */
export function digestOfText(text: string | Uint8Array): string {
  return `sha256:${hash('sha256', text, 'hex')}`;
}

/** What is stored of a token: its SHA-256. Tokens are 256-bit random, so no salt or stretching is needed. */
export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** A new unguessable token: `<prefix>_` and 256 random bits in base64url. */
export function newToken(prefix: string): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`;
}

/**
 * The session of one sender in one conversation, the same for as long as the key is.
 * @param key secret of this installation, so that a session cannot be computed from public ids; as a KeyObject, because
 *   bytes would be made into one at each call, which costs more than all the rest
 */
export function sessionKey(
  key: KeyObject,
  parts: { channel: string; account: string; conversation: string; sender: string },
): string {
  const name = JSON.stringify([parts.channel, parts.account, parts.conversation, parts.sender]);
  return createHmac('sha256', key).update(name).digest('base64url').slice(0, 32);
}
