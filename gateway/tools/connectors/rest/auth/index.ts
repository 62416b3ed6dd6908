import type { Auth } from '../../../../catalogue/index.ts';
import { basic } from './basic.ts';
import { bearer } from './bearer.ts';
import { githubApp } from './github-app.ts';
import { header } from './header.ts';
import { hmac } from './hmac.ts';
import { oauth2 } from './oauth2.ts';
import { standardWebhooks } from './standard-webhooks.ts';
import type { Signed, Signer, SignerDeps, ToSign } from './types.ts';

export { TokenCache } from './tokens.ts';
export type { SignerDeps, ToSign } from './types.ts';

/** One file a kind: a new one is a schema in the catalogue, a file, and a line here. */
const signers: { [Kind in Auth['kind']]: Signer<Kind> } = {
  bearer,
  basic,
  header,
  oauth2,
  'github-app': githubApp,
  hmac,
  'standard-webhooks': standardWebhooks,
};

/** Proves who sends a request, in the way that its API asks for. @throws GatehouseError as {@link Signer} */
export async function sign(auth: Auth, request: ToSign, deps: SignerDeps): Promise<Signed> {
  const signer = signers[auth.kind] as Signer<Auth['kind']>;
  return signer(auth, request, deps);
}
