import type { Pool } from '../db/index.ts';
import type { Box } from '../vault/index.ts';
import type { RelyingParty } from './passkeys.ts';
import type { Tries } from './tries.ts';

/** What the parts of this room share. */
export interface FactorDeps {
  pool: Pool;
  box: Box;
  /** Null where browsers make no passkeys. */
  party: RelyingParty | null;
  tries: Tries;
  /** What the address is called in apps and passkeys. */
  host: string;
}
