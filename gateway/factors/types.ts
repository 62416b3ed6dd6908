import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import type { Queryable } from '../db/index.ts';

/** `code` is an authenticator app's one-time code. */
export type FactorKind = 'passkey' | 'code';

/** One second factor of a person, as they may see it. */
export interface Factor {
  id: string;
  kind: FactorKind;
  label: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  /** From when on it decides, by Postgres's clock. */
  votesFrom: Date;
  mayVote: boolean;
}

/** How well a web session stands for its person. */
export interface SessionStanding {
  /** It began minutes ago. */
  fresh: boolean;
  /** It proved a second factor minutes ago. */
  proven: boolean;
  /** It came of an administrator's link for the first factor. */
  invited: boolean;
}

/** A typed code, or the browser's answer to a challenge, as it came. */
export type Proof = { code: string } | { assertion: unknown };

/** What people have yet to be told of their factors. */
export interface FactorNews {
  principal: string;
  what: 'added' | 'removed' | 'reset';
  kind: FactorKind | null;
  label: string | null;
  votesFrom: Date | null;
}

/** An app's entry before it has proved that it took the secret. */
export interface NewCode {
  id: string;
  secret: string;
  /** `otpauth://…`, for a QR code. */
  uri: string;
}

/**
 * The second factors of people. Adding the first takes a session that began lately, adding or removing any other one
 * that proved a factor lately. A factor decides after 24 hours; only the very first of a person, enrolled through an
 * administrator's link, decides at once.
 */
export interface Factors {
  /** Whether browsers can make passkeys for this address: https or localhost, and a name instead of an IP address. */
  readonly passkeys: boolean;
  list(principal: string): Promise<Factor[]>;
  /**
   * A challenge for a passkey, for one purpose and two minutes.
   * @throws GatehouseError `GH-FACTOR-006` where this person has no passkey that may prove it
   */
  challenge(principal: string, purpose: string): Promise<PublicKeyCredentialRequestOptionsJSON>;
  /**
   * Proves a purpose with a second factor. A challenge and a code work once, whatever came of it.
   * @param purpose `voting(…)` for a vote, or `changing`
   * @returns the authenticator, for the ballot
   * @throws GatehouseError `GH-FACTOR-001` to `-006`
   */
  prove(principal: string, purpose: string, proof: Proof): Promise<string>;
  /** Starts a passkey. @throws GatehouseError `GH-FACTOR-006`, `-007`, `-008` */
  startPasskey(
    person: { principal: string; display: string },
    session: SessionStanding,
  ): Promise<PublicKeyCredentialCreationOptionsJSON>;
  /** Takes the passkey that the browser made. @throws GatehouseError `GH-FACTOR-001`, `-002`, `-007`, `-008`, `-009` */
  addPasskey(
    principal: string,
    session: SessionStanding,
    made: { label: string; attestation: unknown },
  ): Promise<Factor>;
  /** Makes the secret of an authenticator app. @throws GatehouseError `GH-FACTOR-007`, `-008` */
  startCode(principal: string, session: SessionStanding): Promise<NewCode>;
  /** Takes the app once it shows a right code. @throws GatehouseError `GH-FACTOR-003`, `-004`, `-007`, `-008`, `-010` */
  addCode(
    principal: string,
    session: SessionStanding,
    made: { id: string; label: string; code: string },
  ): Promise<Factor>;
  /** One that waits may be removed by a fresh session too. @throws GatehouseError `GH-FACTOR-007`, `-008`, `-010` */
  remove(principal: string, session: SessionStanding, id: string): Promise<void>;
  /** Whether this authenticator is this person's at this moment, and decides. */
  holds(db: Queryable, principal: string, authenticator: string): Promise<boolean>;
  /** Takes news of which nobody was told yet: whoever gets some tells it, in this transaction. */
  takeNews(tx: Queryable): Promise<FactorNews[]>;
}
