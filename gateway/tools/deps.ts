import type { Catalogue } from '../catalogue/index.ts';
import type { Logger } from '../config/index.ts';
import type { Pool, Queryable } from '../db/index.ts';
import type { Executor } from '../durable/index.ts';
import type { Policy, RunContext, TakePreview } from '../policy/index.ts';
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
  /** Has calls tried again. */
  executor: Pick<Executor, 'later'>;
  /** How long who asked is kept waiting for a call that is tried again; 15 seconds, after which n8n would soon give up. */
  patienceMs?: number;
  /** Who asked for what in a run, ended or not; null once the text of its message was deleted. */
  runContext(db: Queryable, runId: string): Promise<RunContext | null>;
  log: Logger;
}
