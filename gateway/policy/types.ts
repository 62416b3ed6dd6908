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
export type Origin = 'user' | 'constant' | 'unknown';

/** Everything that the rules see. They are pure: time and amounts are passed in. */
export interface PolicyInput {
  tool: { name: string; risk: string; kinds: Record<string, string> };
  args: Record<string, unknown>;
  money: { cents: number; currency: string } | null;
  provenance: Record<string, Origin>;
  actor: RunContext['actor'];
  channel: RunContext['channel'];
  ingress: string;
  session: SessionFacts;
  now: string;
}

/** What the gateway knows of a session when a call of it is decided. */
export interface SessionFacts {
  /** Whether the session holds what a tool returned that nobody vouches for. */
  tainted: boolean;
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
