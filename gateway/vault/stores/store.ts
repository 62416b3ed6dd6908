import { GatehouseError } from '../../config/index.ts';

/** What may be shown of a secret. */
export interface SecretInfo {
  name: string;
  version: number;
  /** When this version was stored (ISO 8601). */
  updatedAt: string;
}

/** A place where secrets lie, each found by its address. */
export interface Store<Address> {
  /**
   * @param version an earlier one, where the store keeps them; the current one when left out
   * @returns undefined where there is no such secret or version
   * @throws GatehouseError `GH-VAULT-011` to `-014`, `-022` for a store that cannot answer now
   */
  read: (at: Address, version?: number) => Promise<string | undefined>;
  /** Stores a value as the next version. A store without it is written by its owner only. */
  write?: (at: Address, value: string) => Promise<Omit<SecretInfo, 'name'>>;
  /** @returns undefined where there is no such secret */
  describe: (at: Address) => Promise<Omit<SecretInfo, 'name'> | undefined>;
  /** Where the store makes credentials for one call: makes one. */
  lend?: (at: Address) => Promise<Borrowed>;
  /** Asks whether it could be read from now. @throws GatehouseError as `read` */
  check: () => Promise<void>;
}

/** A credential that was made for one call. */
export interface Borrowed {
  value: string;
  /** Ends it at its store; never throws: what cannot be ended now is tried again, and ends with its own time at the latest. */
  giveBack(): Promise<void>;
}

/** A credential that lives on after the process that asked for it. */
export interface Issued {
  value: string;
  /** When it ends by itself, at the latest. */
  until: Date;
}

const namePattern = /^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/;

/** @throws GatehouseError `GH-VAULT-006` for a name that no secret can have */
export function checkName(name: string): void {
  if (namePattern.test(name) && name.length <= 100) return;
  throw new GatehouseError('GH-VAULT-006', 'This is not a name for a secret.', {
    field: 'name',
    next: 'Use lower-case words and / such as slack/bot-token.',
  });
}
