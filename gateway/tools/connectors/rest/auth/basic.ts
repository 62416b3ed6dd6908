import { unusableSecret } from './secret.ts';
import type { Signer } from './types.ts';

/** RFC 7617, in UTF-8. */
export const basic: Signer<'basic'> = (auth, { secret }) => {
  const pair = auth.user === undefined ? secret : `${auth.user}:${secret}`;
  const colon = pair.indexOf(':');
  if (colon < 1 || /\p{Cc}/u.test(pair)) throw unusableSecret(auth.secret, 'Write it as user:password.');
  const encoded = Buffer.from(pair, 'utf8').toString('base64');
  return { headers: { authorization: `Basic ${encoded}` }, sensitive: [encoded, pair.slice(colon + 1)] };
};
