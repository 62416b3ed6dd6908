import { z } from 'zod';
import { askForToken } from './ask.ts';
import { unusableSecret } from './secret.ts';
import type { Signer, SignerDeps, ToSign } from './types.ts';
import type { Token } from './tokens.ts';

const TokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  token_type: z
    .string()
    .regex(/^bearer$/i)
    .optional(),
  expires_in: z.coerce.number().positive().optional(),
  refresh_token: z.string().optional(),
});
const RefreshSecret = z.strictObject({ clientSecret: z.string(), refreshToken: z.string().min(1) });

type OAuth2 = Parameters<Signer<'oauth2'>>[0];

/** A server that does not say how long a token lives is asked again soon. */
const shortSeconds = 300;

/** Client credentials and refresh tokens (RFC 6749, 4.4 and 6); the client proves itself by Basic (2.3.1). */
export const oauth2: Signer<'oauth2'> = async (auth, request, deps) => {
  const own = auth.grant === 'refresh_token' ? refreshSecret(auth, request.secret) : null;
  const { value, cached } = await deps.tokens.get(auth, request.secret, deps.now(), () =>
    fetchToken(auth, request, deps, own),
  );
  return {
    headers: { authorization: `Bearer ${value}` },
    sensitive: [value, ...(own ? [own.clientSecret, own.refreshToken] : [])],
    cached,
  };
};

async function fetchToken(
  auth: OAuth2,
  request: ToSign,
  deps: SignerDeps,
  own: z.output<typeof RefreshSecret> | null,
): Promise<Token> {
  const clientSecret = own ? own.clientSecret : request.secret;
  const pair = [auth.clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':');
  const answer = await askForToken(
    request,
    deps,
    {
      url: auth.tokenUrl,
      credentials: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
      form: {
        grant_type: auth.grant,
        ...(own ? { refresh_token: own.refreshToken } : {}),
        ...(auth.scope === undefined ? {} : { scope: auth.scope }),
        ...(auth.audience === undefined ? {} : { audience: auth.audience }),
      },
    },
    TokenAnswer,
  );
  // The old one may be void from now on, so the new one is stored before anything else happens.
  if (own && answer.refresh_token !== undefined && answer.refresh_token !== own.refreshToken)
    await deps.renew(auth.secret, JSON.stringify({ ...own, refreshToken: answer.refresh_token }));
  return {
    value: answer.access_token,
    expiresAt: deps.now() + (answer.expires_in ?? shortSeconds) * 1000,
  };
}

function refreshSecret(auth: OAuth2, secret: string): z.output<typeof RefreshSecret> {
  try {
    return RefreshSecret.parse(JSON.parse(secret));
  } catch {
    throw unusableSecret(auth.secret, 'Write it as {"clientSecret":"…","refreshToken":"…"}.');
  }
}
