import type { Catalogue } from '../catalogue/index.ts';
import type { Logger, Settings } from '../config/index.ts';
import type { Pool, Signals } from '../db/index.ts';
import type { Delivery } from '../delivery/index.ts';
import type { ApprovalClass, Policy, Reason } from '../policy/index.ts';
import type { Identity, People } from '../sessions/index.ts';

export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'undeliverable';
export type Verdict = 'approve' | 'reject';
/**
 * What n8n says of an execution. `gone`: a person stopped it. `ended`: it finished, failed or crashed by itself.
 * `absent`: there is no such execution; n8n keeps no successful ones, and people may delete any.
 */
export type ExecutionState = 'waiting' | 'running' | 'gone' | 'ended' | 'absent' | 'unknown';

/** What approvals are built from. */
export interface ApprovalsDeps {
  pool: Pool;
  signals: Pick<Signals, 'on'>;
  policy: Pick<Policy, 'issueGrant'>;
  catalogue: Pick<Catalogue, 'get'>;
  people: Pick<People, 'get' | 'byGroups' | 'holder' | 'identitiesOf' | 'standIns'>;
  delivery: Pick<Delivery, 'reply' | 'notify' | 'runWaiting' | 'runResumed' | 'runAgain' | 'runDone'>;
  settings: Pick<Settings, 'publicUrl' | 'n8nUrl' | 'approvalSeconds'>;
  /** `whsec_<base64>`, shared with the Approval Gate's credential. */
  signingSecret: string;
  clock: () => Date;
  log: Logger;
  /** Looks an execution up in n8n; without it, a run that answers nothing usable is given up after `giveUpMs`. */
  executionState?: (executionId: string) => Promise<ExecutionState>;
  /** Whether calls of this tool may only be decided signed in or by a platform-signed button, not on the n8n form. */
  isStrict?: (tool: string) => boolean;
  /** Who else is asked about this tool's calls and when, as `approvals.yaml` says. */
  classOf?: (tool: string) => Pick<ApprovalClass, 'escalate' | 'remindAt' | 'fourEyes'> | undefined;
  timing?: Partial<Timing>;
}

/** Milliseconds, passed in so that a test need not wait. */
export interface Timing {
  /** Between two looks at the queue when no signal comes. */
  poll: number;
  /** Between two looks at whether waiting executions still exist. */
  executionPoll: number;
  /** First pause after a resume that did not work; doubles. */
  retry: number;
  /** How long n8n may answer with something else than its wait before the run counts as gone. */
  giveUp: number;
  /** Longest wait for n8n's answer. */
  request: number;
}

/** A request to register, from the Approval Gate. */
export interface Gate {
  executionId: string;
  nodeId: string;
  items: { decision: string; resumePath: string }[];
}

/** One person's vote, from whoever proved who they are. */
export interface Ballot {
  approvalId: string;
  principal: string;
  verdict: Verdict;
  comment?: string | null;
  channel: string;
  /** The account that gave it, as its channel proved it; a web session is its person's web account. */
  identity?: Identity;
  /** A stable id of the second factor that confirmed it, such as a passkey's; it counts once, whoever used it. */
  authenticator?: string;
  /** The digest, or the hex start of it, that was on the button; absent where the page itself was bound to the id. */
  shownDigest?: string;
}

/** What became of a vote that counted. */
export interface VoteResult {
  state: ApprovalState;
  message: string;
}

/** The outcome of one item, as the Approval Gate gets it. */
export interface Outcome {
  id: string;
  index: number;
  state: Exclude<ApprovalState, 'pending'>;
  tool: string;
  args: Record<string, unknown> | null;
  digest: string;
  grant: string | null;
  decidedAt: string | null;
  by: CardVote[];
  reason: string | null;
}

export interface CardVote {
  principal: string;
  display: string;
  verdict: Verdict;
  comment: string | null;
  channel: string;
  at: string;
  /** Whom they stood in for. */
  standsInFor: string | null;
}

/** One approval as a person is shown it; the order of the fields is the order on the card. */
export interface Card {
  id: string;
  state: ApprovalState;
  kind: 'confirm' | 'approve';
  /** One sentence: "Rita asks to pay 120.00 EUR to ACME". */
  sentence: string;
  /** What the button names after the verb of the vote: "120.00 EUR". */
  effect: string;
  tool: string;
  digest: string;
  requester: { principal: string | null; display: string };
  reasons: Reason[];
  facts: { label: string; value: string }[];
  /** Only values that did not come from the requester. */
  provenance: { label: string; value: string; source: string }[];
  /** Longer text of the call, to be shown fenced and as not verified. */
  quoted: string | null;
  createdAt: string;
  deadline: string;
  decidedAt: string | null;
  quorum: number;
  /** Who may decide. */
  approvers: { principal: string; display: string }[];
  votes: CardVote[];
  /** Whether this viewer may vote now; `whyNot` says why not. */
  mayVote: boolean;
  whyNot: string | null;
  /** Why it was closed, where there is more to say than its state. */
  reason: string | null;
  /** The n8n form with this viewer's own token, where they may vote there. */
  formUrl: string | null;
}

export interface Registered {
  approvals: { id: string; state: ApprovalState; deadline: string; outcome?: Outcome }[];
  /** Until when the gate should wait: past the last deadline, because the gateway sends `expired` itself. */
  waitUntil: string;
}
