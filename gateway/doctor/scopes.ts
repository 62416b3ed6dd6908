import { z } from 'zod';
import type { Tool } from '../catalogue/index.ts';
import type { EgressClient } from '../egress/index.ts';
import { note, ok, warn, type Finding } from './finding.ts';

type Api = NonNullable<Tool['api']>;
type Told = NonNullable<Api['scopes']>['told'];

/** What a vendor said: the scopes, `none` where it does not tell them of this kind of token, `refused` for a bad one. */
type Answer = readonly string[] | 'none' | 'refused';

/** An account whose vendor can be asked. */
interface Account {
  api: Api;
  secret: string;
  scopes: NonNullable<Api['scopes']>;
}

const timeoutMs = 5000;
const maxBytes = 65_536;
const mostShown = 20;

/**
 * Whether tokens may do more than the tools that use them need, where the API of the vendor tells. It is asked as tools ask
 * it: over checked addresses, with the secret on its way to this host alone.
 * @param read gives the value of a secret; undefined where it is not set
 */
export async function scopesFindings(
  tools: readonly Pick<Tool, 'api'>[],
  read: (secret: string) => Promise<string | undefined>,
  client: EgressClient,
): Promise<Finding[]> {
  return (await Promise.all(accountsOf(tools).map((account) => findingOf(account, read, client)))).flat();
}

function accountsOf(tools: readonly Pick<Tool, 'api'>[]): Account[] {
  const apis = new Set(tools.flatMap(({ api }) => (api ? [api] : [])));
  return [...apis].flatMap((api) => {
    const { auth, scopes, url } = api;
    // What ships has no address of yours (RFC 2606). Other kinds of proof make tokens of their own, whose scopes they name.
    if (!scopes || auth?.kind !== 'bearer' || new URL(url).hostname.endsWith('.invalid')) return [];
    return [{ api, secret: auth.secret, scopes }];
  });
}

async function findingOf(
  { api, secret, scopes }: Account,
  read: (secret: string) => Promise<string | undefined>,
  client: EgressClient,
): Promise<Finding[]> {
  const { title } = api;
  let answer: Answer;
  try {
    const value = await read(secret);
    if (value === undefined) return [];
    answer = await asked[scopes.told]({ api, value, client });
  } catch {
    // The error of a vendor may hold what was sent.
    return [note('scopes', `${title} could not be asked what the token of ${secret} may do.`)];
  }
  const again = `then: npx gatehouse secret set ${secret}`;
  if (answer === 'refused')
    return [
      warn('scopes', `${title} does not take the token of ${secret}.`, `Make a new one there, ${again}`),
    ];
  if (answer === 'none')
    return [note('scopes', `${title} does not tell what the token of ${secret} may do: look at it there.`)];
  const tooMany = answer.filter((scope) => !scopes.needed.includes(scope));
  if (tooMany.length === 0)
    return [ok('scopes', `The token of ${secret} may do no more than the tools of ${title} need.`)];
  const shown = tooMany.slice(0, mostShown).join(', ') + (tooMany.length > mostShown ? ' …' : '');
  return [
    warn(
      'scopes',
      `The token of ${secret} may do more than the tools of ${title} need: ${shown}.`,
      `Take these scopes from it at ${title}, or make one without them, ${again}`,
    ),
  ];
}

interface Asking {
  api: Api;
  value: string;
  client: EgressClient;
}

const asked: Record<Told, (asking: Asking) => Promise<Answer>> = {
  // https://docs.github.com/rest/authentication/authenticating-to-the-rest-api#about-authentication: classic tokens have
  // the header, others do not. This path does not count against the rate.
  async github(asking) {
    const { status, headers } = await send(asking, 'GET', '/rate_limit');
    if (status === 401) return 'refused';
    if (status !== 200) throw new Error('no answer');
    const told = headers['x-oauth-scopes'];
    return typeof told === 'string' ? named(told.split(','), asking.value) : 'none';
  },
  // https://developers.hubspot.com/docs/guides/apps/private-apps/overview: the token stands in the body, and so in no log.
  async hubspot(asking) {
    const body = JSON.stringify({ tokenKey: asking.value });
    const { status, text } = await send(asking, 'POST', '/oauth/v2/private-apps/get/access-token-info', body);
    if (status === 401) return 'refused';
    // Of a token that is none of a private app it knows nothing.
    if (status === 400 || status === 404) return 'none';
    const known = z
      .object({ scopes: z.array(z.string()) })
      .safeParse(status === 200 ? JSON.parse(text) : null);
    if (!known.success) throw new Error('no answer');
    return named(known.data.scopes, asking.value);
  },
};

/** What can be the name of a scope: whatever else an answer holds there, such as the token, is not shown. */
const named = (texts: readonly string[], value: string): string[] =>
  texts
    .map((text) => text.trim())
    .filter((text) => /^[A-Za-z][\w.:/-]{0,99}$/.test(text) && !text.includes(value));

async function send(
  { api, value, client }: Asking,
  method: 'GET' | 'POST',
  path: string,
  body: string | null = null,
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  const url = `${api.url.replace(/\/$/, '')}${path}`;
  const { privateNetworks, plainHttp } = api;
  const answer = await client.send(
    {
      method,
      url,
      headers: {
        accept: 'application/json',
        ...api.headers,
        ...(body === null ? {} : { 'content-type': 'application/json' }),
      },
      credentials: { authorization: `Bearer ${value}` },
      body,
      signal: AbortSignal.timeout(timeoutMs),
      maxBytes,
    },
    [
      {
        host: url.split('/')[2] ?? '',
        methods: [method],
        paths: [new URL(url).pathname],
        privateNetworks,
        plainHttp,
      },
    ],
  );
  return { status: answer.status, headers: answer.headers, text: answer.body?.toString('utf8') ?? '' };
}
