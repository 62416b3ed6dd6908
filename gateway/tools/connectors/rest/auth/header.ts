import { headerValue } from './secret.ts';
import type { Signer } from './types.ts';

/** The secret in a header of the vendor's own, such as `x-api-key`. */
export const header: Signer<'header'> = (auth, { secret }) => ({
  headers: { [auth.header]: `${auth.prefix}${headerValue(secret)}` },
  sensitive: [],
});
