import type { KeyObject } from 'node:crypto';
import type { PgBoss } from 'pg-boss';
import type { CommandCall } from '../catalogue/index.ts';
import type { ChannelAdapter, Inbound, InboundMessage, Outgoing, Route } from '../channels/index.ts';
import type { Logger, Settings } from '../config/index.ts';
import type { Pool, Queryable, Signals, Transaction } from '../db/index.ts';
import type { Command, Envelope } from '../envelope/index.ts';
import type { Factors } from '../factors/index.ts';
import type { RunContext } from '../policy/index.ts';
import type { Automations, Identity, Limits, NewLink, Pairing, People } from '../sessions/index.ts';

/** What became of one inbound message. */
export type Ingested = 'accepted' | 'duplicate' | 'dead' | 'refused' | 'handled';

/** A click on a button that this gateway drew, by a known person. */
export interface Click {
  id: string;
  value: string;
  principal: string;
  channel: string;
  messageId: string;
  /** The account that clicked, as its channel proved it. */
  identity?: Identity;
}

/** A person says `/cancel`: what is under way for them in this conversation shall end. */
export interface Cancel {
  principal: string;
  sessionKey: string;
  messageId: string;
}

/** A delivery that its channel authenticated but could not turn into a message. */
export type Unusable = Omit<Extract<Inbound, { kind: 'unusable' }>, 'kind'>;

/** What `POST /v1/envelopes` says of another n8n trigger's item. */
export interface OtherTrigger {
  trigger: { kind: string; text?: string; automation?: string };
  executionId: string;
  workflowId: string;
  nodeId: string;
  itemIndex: number;
}

/** The token that lets a workflow act for one message, as it travels in n8n items. */
export interface RunGrant {
  token: string;
  expiresAt: string;
}

/** A run that was opened or dispatched again, with the token only its dispatch carries. */
export interface Opened {
  runId: string;
  attempt: number;
  grant: RunGrant;
  envelope: Envelope;
  actor: RunContext['actor'];
}

/** A reply to a message. */
export interface Reply {
  messageId: string;
  /** Makes a retry the same reply. */
  id: string;
  body: Outgoing;
  /** Ends the message's run in the same transaction. */
  final: boolean;
}

/** The reply that ends a run. */
export interface Answer {
  runId: string;
  messageId: string;
  channel: string;
  /** Of this answer alone. */
  id: string;
  body: Outgoing;
}

/** A conversation that is written into without having been asked from there. */
export interface Conversation {
  channel: string;
  /** The vendor's id. */
  id: string;
  route: Route;
}

/** A message of our own into a conversation. */
export interface Post {
  /** Makes a retry the same message. */
  id: string;
  /** The message that asked for it, whose sender is told where it cannot be delivered. */
  messageId: string;
  /** What people call the conversation. */
  name: string;
  to: Conversation;
  body: Outgoing;
}

export interface Notice {
  principal: string;
  id: string;
  /** Notices of one card are shown as edits of one message, on each route of its own. */
  card: string;
  /** What is said; made for each account where links are personal. */
  body: Outgoing | ((identity: Identity) => Promise<Outgoing>);
  /** Which accounts are told; by default those that may vote, because a notice may carry what votes. */
  to?: (identity: Identity & { mayVote: boolean }) => boolean;
}

export interface DeliveryHealth {
  n8n: { ok: boolean; detail: string };
  /** Whether messages can be stored. */
  inbox: { ok: boolean; detail: string };
  /** Null while Postgres does not tell. */
  queue: { ready: number; limited: number; running: number; waiting: number; outbox: number } | null;
}

/** What delivery is built from. Time is passed in so that a test can hold it still. */
export interface DeliveryDeps {
  pool: Pool;
  signals: Signals;
  boss: PgBoss;
  settings: Pick<
    Settings,
    | 'publicUrl'
    | 'n8nUrl'
    | 'n8nWebhookPath'
    | 'n8nInflight'
    | 'runLeaseSeconds'
    | 'runMaxDispatches'
    | 'runCallBudget'
    | 'approvalSeconds'
    | 'rawRetentionHours'
    | 'textRetentionHours'
  >;
  adapters: ReadonlyMap<string, ChannelAdapter>;
  people: People;
  automations: Pick<Automations, 'get'>;
  pairing: Pairing;
  factors: Pick<Factors, 'takeNews'>;
  limits: Limits;
  /** The call that a command stands for by the catalogue; null where no tool has it. */
  callOf: (command: Command) => CommandCall | null;
  /** `whsec_<base64>`, shared with the nodes' credential. */
  signingSecret: string;
  /** Keys the session names, so that none can be computed from public ids. */
  sessionSecret: KeyObject;
  clock: () => Date;
  log: Logger;
}

/** Inbox, queue, dispatch to n8n and outbox: the way of a message through the gateway. */
export interface Delivery {
  /**
   * Stores, dedupes and queues messages durably; resolved once their transaction is committed.
   * @throws GatehouseError `GH-DELIVERY-001` (503) when nothing was stored
   */
  ingest(messages: readonly InboundMessage[]): Promise<Ingested[]>;
  /** Keeps an unusable delivery with its fault and tells the sender. @returns false for a repeat */
  deadLetter(channel: string, unusable: Unusable): Promise<boolean>;
  /**
   * Gives another n8n trigger's item an envelope and a run. The same item again gets a fresh token for the same run.
   * @throws GatehouseError `GH-DELIVERY-009` (403) for an automation that is not declared for this workflow
   */
  openRun(from: OtherTrigger): Promise<{ envelope: Envelope; run: RunGrant }>;
  /**
   * Counts one call against the run's budget.
   * @throws GatehouseError `GH-RUN-001` (403) for an unknown, ended or superseded token; `GH-RUN-002` when the budget is spent
   */
  authenticateRun(token: string): Promise<RunContext>;
  /** Who asked for what in a run. @returns null once the text of its message was deleted */
  runContext(db: Queryable, runId: string): Promise<RunContext | null>;
  /** The run began to wait for people: it leaves n8n's slots and lets the session's next message go. */
  runWaiting(tx: Transaction, runId: string, executionId: string): Promise<void>;
  /** The wait ended and n8n executes again. @returns false when the run was not waiting */
  runResumed(tx: Transaction, runId: string): Promise<boolean>;
  /** n8n lost the waiting run: it starts over. @returns false when it is over, n8n's own, or started too often already */
  runAgain(tx: Transaction, runId: string): Promise<boolean>;
  /** The run closed itself. @returns false when it was over already */
  runDone(tx: Transaction, runId: string): Promise<boolean>;
  /** @returns the reply's receipt, or null when a reply with this id exists already */
  reply(tx: Transaction, reply: Reply): Promise<string | null>;
  /** Replies and ends the run, without a round trip of its own: what goes wrong fails the transaction. */
  answer(tx: Transaction, answer: Answer): void;
  /**
   * Shows how far a run is, as an edit of the one message that answers its own. It is no reply: it ends nothing and leaves no
   * receipt, so it must hold nothing but words of ours.
   * @param shown.id makes a retry the same
   * @param shown.last whether it says how it ended, which is shown whatever is still on its way
   * @returns false where nobody reads it: the message is answered, or what was shown before is still on its way
   */
  progress(
    tx: Transaction,
    shown: { runId: string; id: string; body: Outgoing; last: boolean },
  ): Promise<boolean>;
  /**
   * A conversation of a channel that is switched on.
   * @throws GatehouseError `GH-DELIVERY-011` for a channel that is not, or an id that is none of it
   */
  conversation(channel: string, id: string): Conversation;
  /** Writes into a conversation, in the order of the calls. @returns its receipt, or null when it was posted before */
  post(tx: Transaction, post: Post): Promise<string | null>;
  /** Tells a person on every channel where they can be reached. @returns the number of routes */
  notify(tx: Transaction, notice: Notice): Promise<number>;
  /** `notify` of several at once. @returns the number of routes of each */
  notifyAll(tx: Transaction, notices: readonly Notice[]): Promise<number[]>;
  /** Registers who handles clicks. The handler may see a click twice (after a crash) and must not act twice. */
  onAction(handler: (click: Click) => Promise<Outgoing | null>): void;
  /**
   * Registers who ends what is under way. The handler may see one twice (after a crash); where it answers null, the workflow
   * gets the command.
   */
  onCancel(handler: (cancel: Cancel) => Promise<Outgoing | null>): void;
  /**
   * A person's answer to the question whether an identity is theirs.
   * @param by the identity that answers
   * @returns what was linked, or null where they refused it
   * @throws GatehouseError as `Pairing.answer`
   */
  answerLink(code: string, by: Identity, yes: boolean): Promise<NewLink | null>;
  /** A workflow answered the ping `id`. */
  pong(id: string): void;
  /** Sends a signed ping through the workflow's webhook. @returns whether its answer came within 10 s */
  ping(): Promise<boolean>;
  health(): Promise<DeliveryHealth>;
  /**
   * Queues a dead message again, at the tail of its session.
   * @throws GatehouseError `GH-DELIVERY-004` when it is not dead or its text is gone
   */
  requeue(messageId: string): Promise<void>;
  /** Deletes what is past its retention. @returns rows touched */
  sweep(): Promise<{ raw: number; text: number; messages: number }>;
  start(): Promise<void>;
  /** Stops taking turns and waits for what is under way; unfinished runs go on in n8n. */
  stop(): Promise<void>;
  /** Holds dispatch to n8n back; ingest and replies go on. */
  pause(): void;
  resume(): void;
}
