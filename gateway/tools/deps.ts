import type { Catalogue } from '../catalogue/index.ts';
import type { Logger } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import type { Policy } from '../policy/index.ts';
import type { Leases } from '../vault/index.ts';
import type { Connectors } from './types.ts';

/** What tools are built from. */
export interface ToolsDeps {
  pool: Pool;
  policy: Policy;
  catalogue: Catalogue;
  leases: Leases;
  connectors: Connectors;
  /** The current epoch: what was started in another one is never run again. */
  epoch: { current(): number };
  log: Logger;
}
