import type { Approvals, ResumeDeps } from '../../approvals/index.ts';
import type { Pool, Signals } from '../../db/index.ts';
import type { Delivery } from '../../delivery/index.ts';
import type { RunContext } from '../../policy/index.ts';
import type { GatehouseError } from '../../config/index.ts';
import type { Agent } from '../agent.ts';
import type { Models } from '../models/index.ts';
import type { ShownRun } from '../shown.ts';
import type { AgentDeps, AgentRequest } from '../types.ts';

/** An execution of n8n that waits at a node until runs of the agent have ended. */
export interface AgentWait {
  executionId: string;
  nodeId: string;
  /** Ids of the runs. */
  runs: string[];
  /** Path and query of the node's waiting address, as n8n signed it. */
  resumePath: string;
}

/** What the waits are built from. */
export interface WaitsDeps extends ResumeDeps {
  pool: Pool;
  signals: Pick<Signals, 'on'>;
  agent: Pick<Agent, 'startAll'>;
  models: Pick<Models, 'file'>;
  progress?: AgentDeps['progress'];
  approvals: Pick<Approvals, 'withdraw'>;
  delivery: Pick<Delivery, 'runWaiting' | 'runResumed' | 'runAgain' | 'runDone' | 'reply'>;
  timing?: Partial<WaitsTiming>;
}

/** Milliseconds, passed in so that a test need not wait. */
export interface WaitsTiming {
  /** Between two looks when no signal comes. */
  poll: number;
  /** Between two looks at whether waiting executions still exist. */
  executionPoll: number;
  retry: number;
  /** How long n8n may answer with something else than its wait before the run counts as gone. */
  giveUp: number;
  request: number;
}

/** Has executions of n8n wait for runs without holding a worker, and goes on with each when its runs have ended. */
export interface Waits {
  /**
   * Starts runs, or finds those that the same requests started, and has an execution wait for them: both or neither. Their
   * message counts as waiting from then on. The same requests again are the same runs and the same wait.
   * @returns for each request its run as it is now, or why there is none; where all have ended there is no wait. `waitUntil` is
   * n8n's own last resort
   * @throws GatehouseError `GH-AGENT-013` for an address that is not this wait's, or a place that others wait at
   */
  begin(
    context: RunContext,
    place: Omit<AgentWait, 'runs'>,
    requests: readonly AgentRequest[],
  ): Promise<{ runs: (ShownRun | GatehouseError)[]; waitUntil: string }>;
  start(): void;
  stop(): Promise<void>;
}
