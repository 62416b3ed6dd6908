import { headerValue } from './secret.ts';
import type { Signer } from './types.ts';

/** RFC 6750, 2.1. */
export const bearer: Signer<'bearer'> = (_auth, { secret }) => ({
  headers: { authorization: `Bearer ${headerValue(secret)}` },
  sensitive: [],
});
