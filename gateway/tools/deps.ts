import type { Catalogue } from '../catalogue/index.ts';
import type { Logger } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import type { Policy, TakePreview } from '../policy/index.ts';
import type { Leases } from '../vault/index.ts';
import type { Connectors } from './types.ts';

/** What tools are built from. */
export interface ToolsDeps {
  pool: Pool;
  policy: Policy;
  catalogue: Catalogue;
  leases: Leases;
  connectors: Connectors;
  /** What a call would do now. */
  preview: TakePreview;
  approvals: {
    /**
     * Ends an approval whose call would do something else by now, and tells those who asked and approved.
     * @returns false where the call ran under it meanwhile
     */
    outdate(decisionId: string, changes: readonly string[]): Promise<boolean>;
  };
  /** The current epoch: what was started in another one is never run again. */
  epoch: { current(): number };
  log: Logger;
}
