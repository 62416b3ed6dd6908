import { createHmac, timingSafeEqual } from 'node:crypto';

/** How far the sender's clock may be from ours, in either direction, seconds. */
const WINDOW = 300;

/** What a request must show to be believed. */
export interface SignedRequest {
  headers: Record<string, unknown>;
  /** The body's bytes exactly as they arrived. */
  body: Buffer;
}

/**
 * Checks a Standard Webhooks signature (HMAC-SHA256) over the raw bytes.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * @param secret `whsec_` and the key in base64
 * @param now seconds since 1970
 * @returns null when it holds, otherwise why not
 */
export function checkSignature(
  request: SignedRequest,
  secret: string,
  now = Math.floor(Date.now() / 1000),
): string | null {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length < 16) return 'The credential holds no usable signing secret.';
  const id = text(request.headers['webhook-id']);
  const timestamp = text(request.headers['webhook-timestamp']);
  const signatures = text(request.headers['webhook-signature']);
  if (!id || !signatures || !/^\d{1,12}$/.test(timestamp)) return 'The message is not signed.';
  if (Math.abs(now - Number(timestamp)) > WINDOW) return 'The signature is too old or from the future.';
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(request.body).digest();
  const holds = signatures.split(' ').some((candidate) => {
    const [version, encoded = ''] = candidate.split(',');
    const given = Buffer.from(encoded, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return holds ? null : 'The signature is not the gateway’s.';
}

function text(header: unknown): string {
  return typeof header === 'string' ? header : '';
}
