import type { ReceiptFacts } from '../audit/index.ts';
import type { Tool } from '../catalogue/index.ts';
import type { Transaction } from '../db/index.ts';
import type { PreviewFact, Reason, RunContext } from '../policy/index.ts';
import type { LeaseTarget } from '../vault/index.ts';

/** A call that should have its effect now. */
export interface ExecuteRequest {
  tool: string;
  args: unknown;
  /** Without one, the call is decided here, or uses the one unused grant that its message has for it. */
  grant?: string | null;
  step: string;
  /** Decides for real and stops before the effect. */
  dryRun?: boolean;
  /** Also tells the outcome in the conversation, which ends the run. */
  reply?: boolean;
  /** Aborts when nobody wants the call any more. It ends where its connector can end it, and runs to its end elsewhere. */
  unwanted?: AbortSignal;
}

/** Why a call's signal was aborted where nobody wants it any more. */
export const unwanted = 'unwanted';

/**
 * Why a call is not tried now: its system is `unreachable`, turned it away (`busy`), has as many calls under way as it may
 * (`full`), the store of its secret does not answer (`secrets`), or an operator lets it rest (`paused`).
 */
export type WaitsFor = 'unreachable' | 'busy' | 'secrets' | 'full' | 'paused';

/** What became of a call. */
export interface Execution {
  /** `planned`: it had no effect yet and will be tried again. */
  status: 'succeeded' | 'failed' | 'denied' | 'needs_approval' | 'unknown' | 'planned' | 'dry_run';
  result?: unknown;
  /** One readable sentence. */
  text?: string;
  reasons?: Reason[];
  receipt?: string;
  attempt?: string;
  /** The call was made before; this is its recorded outcome. */
  replayed?: boolean;
  /** Whether the outcome was told in the conversation; only where that was asked for. */
  replied?: boolean;
  decision?: string;
}

/** The part of a run that a connector may know. */
export type Caller = Pick<RunContext, 'runId' | 'messageId' | 'principal' | 'actor'> & {
  channel: Pick<RunContext['channel'], 'kind'>;
};

/** Where a call goes, as far as its connector knows before it runs. */
export type Reaches = Omit<LeaseTarget, 'tool'>;

/** One call on its way to its system of record. */
export interface ConnectorCall {
  /** The idempotency key: the same for every try of this call, and for no other. */
  attempt: string;
  tool: Tool;
  args: Record<string, unknown>;
  caller: Caller;
  /** Aborts when the tool's time is over; with the reason {@link unwanted} where the connector can end a call before. */
  signal: AbortSignal;
  /** The value that was lent for this call; undefined where the connector asks for none. */
  secret: string | undefined;
}

/**
 * What a connector says of a call. `commit` is an effect in the gateway's own database, made in the transaction that
 * records the outcome.
 */
export type Outcome = (
  | { status: 'succeeded'; result: unknown; commit?: (tx: Transaction) => Promise<void> | void }
  | { status: 'failed'; reasons: Reason[]; result?: unknown }
  /** The effect may have happened, and the reasons say what is known of it; it is not tried again. */
  | { status: 'unknown'; reasons: Reason[]; result?: unknown }
) & {
  /** Each use of the way out that it was given; a receipt of its own. */
  uses?: readonly ReceiptFacts[];
};

/** A call that is looked at before people are asked, and again right before it runs. */
export interface DryRunCall {
  /** Names this look; it takes the place of the attempt. */
  attempt: string;
  tool: Tool;
  args: Record<string, unknown>;
  caller: Pick<Caller, 'principal'>;
  secret: string | undefined;
}

/** What a dry run shows, or why there is nothing to do it to. */
export type Found = { facts: PreviewFact[] } | { missing: string };

/** Finds out what a call would do, and leaves everything as it is. */
export interface DryRun {
  /** Name of the secret that it borrows. */
  secretFor?(tool: Tool): string | undefined;
  /** @throws GatehouseError with what people are told; any other error where the system went away */
  run(call: DryRunCall): Promise<Found>;
}

/** The dry runs by the kind of the connector; a kind that is missing has none. */
export type DryRuns = Partial<Record<Tool['connector']['kind'], DryRun>>;

/** What a look at the system of record says of a call without a clear end. */
export type ProbeResult = 'happened' | 'not_happened' | 'unknown';

/**
 * Reaches one kind of system. A returned `failed` and a thrown GatehouseError say that nothing happened; any other
 * exception says that nobody knows.
 */
export interface Connector {
  run(call: ConnectorCall): Promise<Outcome>;
  /** Name of the secret that this call needs; its lease is opened with the attempt. */
  secretFor?(tool: Tool, args: Record<string, unknown>): string | undefined;
  /** What the secret of this call is bound to beside its tool; the same for the same call, always. */
  targetFor?(tool: Tool, args: Record<string, unknown>): Reaches | undefined;
  /**
   * Looks whether an earlier try of this very call had its effect; changes nothing and does not throw. `unknown` for a tool
   * that cannot tell.
   */
  probe?(call: ConnectorCall): Promise<ProbeResult>;
  /**
   * Whether all that this tool does is its outcome's `commit`. Its decision, attempt and outcome are then one
   * transaction; a tool that reaches outside has its attempt committed before.
   */
  commitsAll?(tool: Tool): boolean;
  /** Whether a call can be ended at once, and it is known that nothing of it goes on. */
  ends?: boolean;
}

/** The connectors by their kind in the catalogue. */
export type Connectors = Record<Tool['connector']['kind'], Connector>;
