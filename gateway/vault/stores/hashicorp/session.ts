import type { Logger } from '../../../config/index.ts';
import { refusal } from '../refusals.ts';
import { VaultFailure, type VaultRequest, type VaultTransport } from './transport.ts';

/** A sign-in to a Vault that renews itself, and signs in again where it was lost. */
export interface Session {
  /**
   * @returns the answer's JSON; undefined where there is nothing at this path
   * @throws GatehouseError `GH-VAULT-011` to `-015`, `-022`
   */
  call(request: VaultRequest): Promise<unknown>;
  /** Gives the token back, and with it every lease that it holds. */
  close(): Promise<void>;
}

interface Token {
  value: string;
  /** Milliseconds, by our clock. */
  until: number;
  lifeMs: number;
}

export interface Auth {
  client_token: string;
  accessor: string;
  lease_duration: number;
  renewable: boolean;
}

/** What part of its life a token may use up before it is renewed. */
const renewAfter = 2 / 3;
/** One that cannot be renewed to more than this part of its first life nears its end: the next call signs in anew. */
const leastRenewed = 1 / 3;

/** What an AppRole signs in with. */
export interface SignIn {
  store: string;
  transport: VaultTransport;
  mount: string;
  roleId: string;
  /** Reads the secret id at each sign-in, so that a new one is used without a restart. */
  secretId: () => Promise<string>;
}

/** @throws GatehouseError `GH-VAULT-008`, `-011` to `-015`, `-022` */
export async function signIn({ store, transport, mount, roleId, secretId }: SignIn): Promise<Auth> {
  const body = { role_id: roleId, secret_id: await secretId() };
  const answer = await transport({ method: 'POST', path: `auth/${mount}/login`, body }).catch(
    (error: unknown) => {
      // A wrong role id or secret id is a 400 here.
      const wrong = error instanceof VaultFailure && (error.why === 400 || error.why === 403);
      throw wrong ? refusal(store, 'denied') : told(store, error);
    },
  );
  const auth = authOf(answer);
  if (!auth) throw refusal(store, 'odd');
  return auth;
}

/**
 * @param parts.remember notes the accessor of a token before it is used, to revoke it after a crash
 */
export function createSession(
  parts: SignIn & {
    remember: (accessor: string) => Promise<void>;
    log: Pick<Logger, 'warn' | 'info'>;
  },
): Session {
  const { store, transport } = parts;
  let token: Token | undefined;
  let signingIn: Promise<Token> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const keep = (auth: Auth, firstLifeMs: number): Token => {
    clearTimeout(timer);
    const lifeMs = auth.lease_duration * 1000;
    const next = { value: auth.client_token, until: Date.now() + lifeMs, lifeMs: firstLifeMs };
    if (auth.renewable && lifeMs > 0 && !closed) {
      timer = setTimeout(() => void renew(next), lifeMs * renewAfter).unref();
    }
    // A token without an end (a lease of 0 seconds) is used until it is refused.
    return lifeMs > 0 ? next : { ...next, until: Infinity };
  };

  const open = async (): Promise<Token> => {
    const auth = await signIn(parts);
    if (auth.accessor !== '') await parts.remember(auth.accessor);
    token = keep(auth, auth.lease_duration * 1000);
    return token;
  };
  const current = async (): Promise<Token> => {
    if (token && token.until > Date.now()) return token;
    signingIn ??= open().finally(() => (signingIn = undefined));
    return signingIn;
  };

  async function renew(held: Token): Promise<void> {
    if (token !== held || closed) return;
    try {
      const auth = authOf(
        await transport({ method: 'POST', path: 'auth/token/renew-self', body: {}, token: held.value }),
      );
      if (token !== held) return;
      const enough = auth && auth.lease_duration * 1000 >= held.lifeMs * leastRenewed;
      token = enough ? keep(auth, held.lifeMs) : undefined;
    } catch (error) {
      // It is good for the rest of its time, after which the next call signs in.
      parts.log.warn(
        { err: told(store, error), store },
        'the session of a secret store could not be renewed',
      );
    }
  }

  return {
    async call(request) {
      const held = await current();
      try {
        return await transport({ ...request, token: held.value });
      } catch (error) {
        if (!(error instanceof VaultFailure) || error.why !== 403) return absent(store, error);
      }
      // Revoked, or forgotten by a Vault that was restored: a new token tells that from a path that is closed to us.
      if (token === held) token = undefined;
      try {
        return await transport({ ...request, token: (await current()).value });
      } catch (error) {
        return absent(store, error);
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      const held = token;
      token = undefined;
      if (!held) return;
      const request = {
        method: 'POST',
        path: 'auth/token/revoke-self',
        body: {},
        token: held.value,
      } as const;
      await transport(request).catch((error: unknown) =>
        parts.log.warn(
          { err: told(store, error), store },
          'the session of a secret store was left to its end',
        ),
      );
    },
  };
}

function authOf(answer: unknown): Auth | undefined {
  const { auth } = (answer ?? {}) as { auth?: Partial<Auth> };
  const { client_token: token, accessor = '', lease_duration: seconds, renewable = false } = auth ?? {};
  if (typeof token !== 'string' || typeof seconds !== 'number') return undefined;
  return { client_token: token, accessor, lease_duration: seconds, renewable };
}

/** Nothing at a path is an answer; everything else is a refusal. */
function absent(store: string, error: unknown): undefined {
  if (error instanceof VaultFailure && error.why === 404) return undefined;
  throw told(store, error);
}

/** A failure in our words, without anything that the request held. */
export function told(store: string, error: unknown): unknown {
  if (!(error instanceof VaultFailure)) return error;
  const cause = new Error(error.message);
  if (typeof error.why === 'string') return refusal(store, error.why, cause);
  switch (error.why) {
    case 400:
    case 404:
    case 405:
      return refusal(store, 'odd', cause);
    case 403:
      return refusal(store, 'denied', cause);
    // 503 is a sealed Vault, 429, 472 and 473 a standby, 501 one that nobody initialised.
    case 501:
    case 503:
      return refusal(store, 'sealed', cause);
    default:
      return refusal(store, error.why < 500 ? 'odd' : 'gone', cause);
  }
}
