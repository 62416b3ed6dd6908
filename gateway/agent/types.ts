import type { Approvals } from '../approvals/index.ts';
import type { Catalogue } from '../catalogue/index.ts';
import type { Logger } from '../config/index.ts';
import type { Pool, Queryable, Signals, Transaction } from '../db/index.ts';
import type { EgressClient } from '../egress/index.ts';
import type { Policy, RunContext } from '../policy/index.ts';
import type { Tools } from '../tools/index.ts';
import type { Leases } from '../vault/index.ts';
import type { Allowance, Lack, Models, Task } from './models/index.ts';
import type { Prompts } from './prompts/index.ts';

export type RunState = 'queued' | 'running' | 'waiting' | 'paused' | 'done' | 'failed' | 'stopped';

/** Why a run ended: what it was asked is done, or what kept it from that. */
export type EndedBy =
  | 'answer'
  | 'person'
  /** The workflow that waited for it was cancelled in n8n. */
  | 'cancelled'
  | 'budget'
  | 'loop'
  | 'no_model_configured'
  | 'no_model_fits'
  | 'model_unavailable'
  | 'model_refused'
  | 'answer_cut'
  | 'output_invalid'
  | 'forgotten';

/** What a run is asked. */
export interface AgentRequest {
  /** Names the place in the workflow, so that a retry is the same run. */
  step: string;
  task: Task;
  /** Material to work on, by its source; nobody vouches for it. */
  input: Record<string, string>;
  /** What the workflow wants done, in its builder's words. */
  prompt: string | null;
  /** The prompt file that the conversation begins with; the task's own where it is null. */
  template: string | null;
  /** Only these tools, of those that the actor could be allowed; all of them where it is null. */
  tools: string[] | null;
  modelClass: string | null;
  /** Lowers what the run may use; it cannot raise it. */
  budget: Allowance;
  /** JSON Schema that the answer has to fit. */
  schema: Record<string, unknown> | null;
  /** Whether the conversation says neither who asks nor what they wrote, so that the answer is one to the material alone. */
  bare?: true;
}

/** How the conversation of a run begins; fixed when it starts. */
export interface Opening {
  system: string;
  user: string;
  /** Name, version and digest of the prompt file. */
  prompt: { name: string; version: number; digest: string };
  /** Catalogue names of the tools on offer. */
  tools: string[];
  /** What earlier runs of the conversation came to, in a block of its own, and when the oldest of them ended. */
  earlier?: { text: string; since: string } | undefined;
}

/** How a run ended, in words and, where a schema was given, as data. */
export interface AgentResult {
  text: string;
  output?: unknown;
}

/** What a run has used so far. */
export interface Used {
  steps: number;
  calls: number;
  tokensIn: number;
  tokensOut: number;
  /** In millionths of the currency. */
  cost: number;
  seconds: number;
}

/** One step as it is kept. */
export interface Step {
  number: number;
  kind: 'prompt' | 'answer' | 'call' | 'decision' | 'wait' | 'result' | 'message';
  digest: string | null;
  /** What was said; null once its retention is over. */
  content: Record<string, unknown> | null;
  /** Ids, codes and digests. */
  facts: Record<string, string | number | boolean | null | string[]>;
  model: string | null;
  tokensIn: number | null;
  tokensOut: number | null;
  cost: number | null;
  at: Date;
}

/** A step that is about to be written. */
export type NewStep = Pick<Step, 'kind' | 'facts'> &
  Partial<Pick<Step, 'digest' | 'content' | 'model' | 'tokensIn' | 'tokensOut' | 'cost'>>;

/** A run that this process holds. */
export interface Claimed {
  id: string;
  claim: number;
  runId: string;
  messageId: string;
  sessionKey: string;
  principal: string | null;
  task: Task;
  request: AgentRequest | null;
  opening: Opening | null;
  lastStep: number;
  /** The key that it waited for. */
  lacks: Lack | null;
}

/** The one message in chat that says how far a run is. */
export interface Progress {
  /** Something happened; it is shown in a while, together with what happens until then. */
  moved(run: string): void;
  /** Shows nothing of this run until it moves again: people are asked, and their card takes the place. */
  quiet(run: string): Promise<void>;
  /** Shows how a run ended, in the transaction that ends it, so that nothing follows it. */
  ended(tx: Transaction, run: string, ending: { state: RunState; by: EndedBy }): Promise<void>;
  stop(): void;
}

/** What the agent is built from. */
export interface AgentDeps {
  pool: Pool;
  signals: Pick<Signals, 'on'>;
  policy: Pick<Policy, 'couldBeAllowed'>;
  catalogue: Pick<Catalogue, 'get'>;
  tools: Pick<Tools, 'execute'>;
  approvals: Pick<Approvals, 'register' | 'outcomes' | 'withdraw' | 'onChange'>;
  leases: Leases;
  egress: Pick<EgressClient, 'open'>;
  models: Models;
  prompts: Prompts;
  /** Who asked for what in a run; null once the text of its message was deleted. */
  runContext(db: Queryable, runId: string): Promise<RunContext | null>;
  log: Logger;
  /** Shows in chat how far runs are; without it they are shown on their page alone. */
  progress?: Progress;
  /** Hears of each step once it is committed. */
  onStep?: (run: string, step: NewStep) => void;
}
