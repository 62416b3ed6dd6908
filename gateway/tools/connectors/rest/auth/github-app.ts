import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { askForToken } from './ask.ts';
import { unusableSecret } from './secret.ts';
import type { Signer } from './types.ts';

const InstallationToken = z.object({
  token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_at: z.iso.datetime({ offset: true }),
});

/**
 * A GitHub App: a JWT of the app buys a token of one installation, good for an hour.
 * https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
 */
export const githubApp: Signer<'github-app'> = async (auth, request, deps) => {
  const { value, cached } = await deps.tokens.get(auth, request.secret, deps.now(), async () => {
    const jwt = await appToken(auth.appId, keyOf(auth.secret, request.secret), deps.now());
    const answer = await askForToken(
      request,
      deps,
      {
        url: `${request.api.url}/app/installations/${auth.installation}/access_tokens`,
        headers: request.api.headers,
        credentials: { authorization: `Bearer ${jwt}` },
        form: null,
      },
      InstallationToken,
    );
    return { value: answer.token, expiresAt: Date.parse(answer.expires_at) };
  });
  return { headers: { authorization: `Bearer ${value}` }, sensitive: [value], cached };
};

/** Ten minutes at most, issued a minute ago: clocks differ. */
function appToken(appId: string, key: KeyObject, now: number): Promise<string> {
  const seconds = Math.floor(now / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(appId)
    .setIssuedAt(seconds - 60)
    .setExpirationTime(seconds + 540)
    .sign(key);
}

function keyOf(name: string, pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // Said below, without what the parser quotes.
  }
  throw unusableSecret(name, 'Write the private key as PEM, as GitHub gave it.');
}
