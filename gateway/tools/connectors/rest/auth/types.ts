import type { Api, Auth } from '../../../../catalogue/index.ts';
import type { EgressClient } from '../../../../egress/index.ts';
import type { TokenCache } from './tokens.ts';

/** A request that is about to be sent, as its signer sees it. */
export interface ToSign {
  api: Api;
  /** The value that was lent for the call. */
  secret: string;
  /** As it will be sent; null where there is none. */
  body: string | null;
  /** Id of the attempt. */
  attempt: string;
  signal: AbortSignal;
}

/** What proves who sends a request. */
export interface Signed {
  headers: Record<string, string>;
  /** Values, apart from the secret itself, that nobody may see in an answer. */
  sensitive: string[];
  /** Whether it stands on a token that was got earlier, and may have been revoked since. */
  cached?: boolean;
}

/** What signers share. */
export interface SignerDeps {
  client: EgressClient;
  tokens: TokenCache;
  /** The time in milliseconds. */
  now: () => number;
  /** Stores the next value of a secret that its vendor replaced. */
  renew: (secret: string, value: string) => Promise<void>;
}

/**
 * Proves who sends a request, in one way.
 * @throws GatehouseError `GH-TOOLS-041` for a secret of another form, `GH-TOOLS-042` where no token is given for it
 */
export type Signer<Kind extends Auth['kind']> = (
  auth: Extract<Auth, { kind: Kind }>,
  request: ToSign,
  deps: SignerDeps,
) => Signed | Promise<Signed>;
