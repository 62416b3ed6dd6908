import type { Transaction } from '../db/index.ts';

/** Does one job. It may get a job twice, also at once, and has to find out by itself what is left to do. */
export type Handle = (job: string) => Promise<void>;

/**
 * Does jobs later, in whatever process lives then. What has to hold of one is in `test/contract/executor-contract.ts`.
 */
export interface Executor {
  /**
   * Has a job done, in the caller's transaction: it is there if that commits, and not otherwise.
   * @param job id of what is to be done; never what it is done with
   * @param seconds not before then
   */
  later(tx: Transaction, job: string, seconds: number): Promise<void>;
  /** Begins to hand out jobs. One whose handler throws, or whose process dies, is handed out again. */
  start(handle: Handle): Promise<void>;
  /** Hands out no more, and waits a while for those under way. */
  stop(): Promise<void>;
}
