import type { DataClass } from '../catalogue/index.ts';
import type { Settings } from '../config/index.ts';
import type { Command } from '../envelope/index.ts';

/** Who asks, what they asked and from where: fixed when a message is dispatched, the same for all calls of its run. */
export interface RunContext {
  runId: string;
  messageId: string;
  sessionKey: string;
  principal: string | null;
  actor: {
    principal: string | null;
    display: string;
    roles: string[];
    groups: string[];
    standing: 'owner' | 'member' | 'paired' | 'guest' | 'unknown';
    /** The highest class of data that they may see; all of them when absent. */
    clearance?: DataClass;
  };
  channel: { kind: string; visibility: string };
  /** The actor's own words, where the message was a command. */
  command: Command | null;
  text: string;
  ingress: string;
  callsLeft: number;
}

/** What is asked for. `step` names the place in the workflow, so that a retry is the same question. */
export interface Call {
  tool: string;
  args: unknown;
  step: string;
  /** Whoever asks will run it with a credential of its own: Gatehouse advises, and gives no grant. */
  advisory?: boolean | undefined;
}

export type Effect = 'allow' | 'confirm' | 'approve' | 'deny';

/** A stable code for programs and a sentence for people. */
export interface Reason {
  code: string;
  text: string;
}

export interface Approvers {
  groups: string[];
  quorum: number;
  excludeRequester: boolean;
}

/** What the rules say. */
export interface Verdict {
  effect: Effect;
  reasons: Reason[];
  approvers: Approvers | null;
}

/** Where a value came from, as the gateway found out by itself. */
export type Origin =
  /** Typed by the actor in the request that is being served. */
  | 'user'
  /** Typed there too, but as something else than what the call takes it for. */
  | 'mentioned'
  /** The catalogue's own. */
  | 'constant'
  /** The one record that a directory returned for the actor's words. */
  | 'resolved'
  /** The id of the one record that another tool returned for them. */
  | 'found'
  /** A file that the actor named, in a folder that they named in the same sentence. */
  | 'composed'
  /** Returned by a tool. */
  | 'tool'
  | 'unknown';

/** One value of a call's arguments, and where it came from. */
export interface TracedLeaf {
  /** JSON Pointer (RFC 6901) into the arguments. */
  at: string;
  /** The argument that it belongs to. */
  arg: string;
  kind: string;
  origin: Origin;
  /** What returned it, and when (RFC 3339). */
  source?: { attempt: string; tool: string; at: string };
}

/** Everything that the rules see. They are pure: time and amounts are passed in. */
export interface PolicyInput {
  tool: {
    name: string;
    risk: string;
    connector: string;
    kinds: Record<string, string>;
    dataClass: DataClass;
    /** Which of its arguments are an amount and its currency. */
    money: string[];
  };
  args: Record<string, unknown>;
  money: { cents: number; currency: string } | null;
  leaves: TracedLeaf[];
  /** Whether what the call is about is, at least in one value, the actor's own or looked up for their own words. */
  anchored: boolean;
  /** Whether an order of the request, in the actor's own words, is one for an effect of this class and names what it is about. */
  ordered: boolean;
  /** Whether the tool's file says how this call is taken back. */
  undoable: boolean;
  /** What texts that leave would carry and the actor did not type. */
  carried: { hosts: string[]; secret: boolean; added: boolean };
  actor: RunContext['actor'];
  channel: RunContext['channel'];
  ingress: string;
  session: SessionFacts;
  /** Something else than the gateway will run the call, with a credential of its own. */
  advisory: boolean;
  /** Whether a standing grant covers this call, which lifts the gate of its class and nothing else. */
  standing: boolean;
  /**
   * Where the call goes: how many recipients, which arguments name one that nothing was sent to before, and whether it is
   * certain that it reaches nobody.
   */
  recipients: { count: number; firstTime: string[]; nobody: boolean };
  /** Whether the same was asked and rejected while the message was served. */
  rejectedBefore: boolean;
  /** The budgets that name the call. */
  budgets: BudgetFact[];
  /** It spends money that a budget should be there for and is not. */
  uncovered: boolean;
  environment: Environment;
  now: string;
  /** The time in the zone of the class's hours; null for a class without hours. */
  localTime: { day: string; minute: number } | null;
}

export type Environment = Settings['environment'];

/** A budget as the rules see it, in hundredths or calls. */
interface BudgetFact {
  name: string;
  needed: number;
  left: number;
  /** What is left, in words. */
  text: string;
}

/** Anything that evaluates the rules. Its answer is not trusted: `askPolicy` checks it. */
export interface Engine {
  readonly name: string;
  /** Whether rules of the installation are part of it, and so of every answer that is complete. */
  readonly own?: boolean;
  /** @returns the answer, or a promise of it */
  evaluate(input: PolicyInput): unknown;
  /** Lets go of connections. */
  close?(): Promise<void>;
}

/** What the gateway knows of a session when a call of it is decided. */
export interface SessionFacts {
  /** Whether the session holds what a tool returned that nobody vouches for. */
  tainted: boolean;
  /** Whether any of that came from elsewhere than a directory, whose records nobody outside can write. */
  outside: boolean;
  /** Requests of it that wait for an answer; calls that are confirmed on one card are one. */
  pendingAsks: number;
  /** Whether a call that its requester has to confirm goes on a card that is one of them already. */
  cardOpen: boolean;
  /** The classes of what its tools returned. */
  classesRead: DataClass[];
}

/** The answer to a call, stored under its id. */
export interface Decision {
  id: string;
  effect: Effect;
  tool: string;
  digest: string;
  reasons: Reason[];
  approvers: Approvers | null;
  /** Present for `allow` only; single use. */
  grant: string | null;
  policy: { version: string; engine: string };
  expiresAt: string;
}
