import { createHash, timingSafeEqual } from 'node:crypto';
import { GatehouseError } from '../config/index.ts';

/** Larger than anything that a vendor sends us. */
const maxBytes = 1024 * 1024;

/** A secret that a switched-on channel needs is not in the store. */
export function missingSecret(name: string): GatehouseError {
  return new GatehouseError('GH-CHANNEL-001', `The secret ${name} is not set.`, {
    status: 503,
    next: `Set it with: gatehouse secret set ${name}`,
  });
}

/** The vendor does not take a secret that we hold. */
export function refusedSecret(name: string, vendor: string, cause: unknown): GatehouseError {
  return new GatehouseError('GH-CHANNEL-001', `${vendor} does not accept the secret ${name}.`, {
    status: 503,
    next: `Set the right one with: gatehouse secret set ${name}`,
    cause: withoutCall(cause),
  });
}

/** @param reason what is wrong with the proof, never any of the body */
export function unauthenticated(reason: string): GatehouseError {
  return new GatehouseError('GH-CHANNEL-002', reason, { status: 401 });
}

/** @throws GatehouseError 413 `GH-CHANNEL-003`, before anything is hashed or parsed */
export function boundBody(body: Buffer): void {
  if (body.length > maxBytes) {
    throw new GatehouseError('GH-CHANNEL-003', 'The body is larger than this address takes.', {
      status: 413,
    });
  }
}

/** Not a delivery of this vendor at all: wrong method of sending, no body. */
export function malformed(reason: string): GatehouseError {
  return new GatehouseError('GH-CHANNEL-004', reason, { status: 400 });
}

/**
 * The message of a vendor library's error and nothing else of it: these errors carry the call that failed, and with
 * it our text, or an address with our token in it.
 */
function withoutCall(cause: unknown): Error | undefined {
  return cause instanceof Error ? new Error(cause.message) : undefined;
}

/** The vendor cannot take a message now. @param retryAfter seconds, where the vendor said so */
export function busy(vendor: string, cause: unknown, retryAfter?: number): GatehouseError {
  return new GatehouseError('GH-CHANNEL-005', `${vendor} cannot be reached or asks to wait.`, {
    status: 503,
    retryAfter,
    cause: withoutCall(cause),
  });
}

/** The vendor will never take this message. @param reason the vendor's own error code */
export function refused(vendor: string, reason: string, cause?: unknown): GatehouseError {
  return new GatehouseError('GH-CHANNEL-006', `${vendor} refuses the message: ${reason}.`, {
    status: 422,
    cause: withoutCall(cause),
  });
}

/** Compares in time that tells nothing of either side, not even the length. */
export function sameSecret(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
