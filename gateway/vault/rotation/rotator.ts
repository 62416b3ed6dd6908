/**
 * Makes the values of one secret, one after the other. The engine keeps the next value sealed between `make` and
 * `activate`; every step but `make` may be repeated after a crash.
 */
export interface Rotator {
  /** The next value. What it is given goes on working. */
  make(current: string): Promise<string> | string;
  /** Makes it valid at its system, beside the current one. */
  activate?(next: string): Promise<void>;
  /** @throws GatehouseError `GH-VAULT-026` where its system does not take it */
  prove(next: string): Promise<void>;
  /**
   * Ends the former value.
   * @param values.former undefined where the store does not keep it any more
   * @returns what is to be stored as the current one from now on, where that is another
   */
  retire(values: { former: string | undefined; current: string }): Promise<string | undefined>;
}

/** A secret whose store makes the next value and ends the former one in the same moment. */
export interface InPlace {
  /** May be repeated. */
  replace(): Promise<void>;
}
