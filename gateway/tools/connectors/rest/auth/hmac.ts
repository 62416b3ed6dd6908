import { createHmac } from 'node:crypto';
import type { Signer } from './types.ts';

/** A keyed hash of the body (RFC 2104), as many webhooks have it: `x-hub-signature-256: sha256=…`. */
export const hmac: Signer<'hmac'> = (auth, { secret, body }) => {
  const digest = createHmac(auth.algorithm, secret)
    .update(body ?? '')
    .digest(auth.encoding);
  return { headers: { [auth.header]: `${auth.prefix}${digest}` }, sensitive: [] };
};
