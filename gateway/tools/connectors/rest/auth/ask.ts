import { z } from 'zod';
import { GatehouseError } from '../../../../config/index.ts';
import type { SignerDeps, ToSign } from './types.ts';

const maxBytes = 65_536;

/**
 * Asks for a token. The request goes to the one address that is written in the file, and is not redirected.
 * @param request.form its parameters, or null for an empty body
 * @throws GatehouseError `GH-TOOLS-042`; what the address answers is not shown, since it may hold what was sent
 */
export async function askForToken<Schema extends z.ZodType>(
  { api, signal }: Pick<ToSign, 'api' | 'signal'>,
  { client }: Pick<SignerDeps, 'client'>,
  request: {
    url: string;
    headers?: Record<string, string>;
    credentials: Record<string, string>;
    form: Record<string, string> | null;
  },
  schema: Schema,
): Promise<z.output<Schema>> {
  const { url, headers = {}, credentials, form } = request;
  const { pathname } = new URL(url);
  const { privateNetworks, plainHttp } = api;
  const entry = {
    host: url.split('/')[2] ?? '',
    methods: ['POST'],
    paths: [pathname],
    privateNetworks,
    plainHttp,
  };
  const answer = await client
    .send(
      {
        method: 'POST',
        url,
        headers: {
          accept: 'application/json',
          ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
          ...headers,
        },
        credentials,
        body: form ? new URLSearchParams(form).toString() : null,
        signal,
        maxBytes,
      },
      [entry],
    )
    .catch((error: unknown) => {
      // Nothing of the call itself was sent, however this ended.
      throw error instanceof GatehouseError ? error : noToken('did not answer', error);
    });
  if (answer.status < 200 || answer.status > 299) throw noToken(`answered ${answer.status}`);
  try {
    return schema.parse(JSON.parse(answer.body?.toString('utf8') ?? ''));
  } catch {
    throw noToken('answered with something else than a token');
  }
}

const noToken = (what: string, cause?: unknown): GatehouseError =>
  new GatehouseError('GH-TOOLS-042', `No token was given for the call: the token address ${what}.`, {
    status: 502,
    next: 'Check the secret and the auth of its API.',
    cause,
  });
