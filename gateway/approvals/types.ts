import type { Catalogue } from '../catalogue/index.ts';
import type { Logger, Settings } from '../config/index.ts';
import type { Pool, Signals } from '../db/index.ts';
import type { Delivery } from '../delivery/index.ts';
import type { Factors } from '../factors/index.ts';
import type {
  ApprovalClass,
  Policy,
  Reason,
  StandingAsk,
  StandingOffer,
  TakePreview,
} from '../policy/index.ts';
import type { Automations, Identity, People } from '../sessions/index.ts';

export type ApprovalState =
  | 'pending'
  | 'approved'
  | 'rejected'
  | 'expired'
  | 'cancelled'
  /** Replaced: by an edit of it, or by a newer turn of the same workflow step. */
  | 'superseded'
  | 'undeliverable';
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
  policy: Pick<Policy, 'issueGrant' | 'binding' | 'decideWithin' | 'standing'>;
  catalogue: Pick<Catalogue, 'get' | 'list'>;
  people: Pick<People, 'get' | 'list' | 'byGroups' | 'holder' | 'identitiesOf' | 'standIns'>;
  /** Whose automations ask; without it, nobody confirms what one of them asks for. */
  automations?: Pick<Automations, 'list'>;
  delivery: Pick<
    Delivery,
    'reply' | 'notify' | 'notifyAll' | 'runContext' | 'runWaiting' | 'runResumed' | 'runAgain' | 'runDone'
  >;
  settings: Pick<Settings, 'publicUrl' | 'n8nUrl' | 'approvalSeconds'>;
  /** `whsec_<base64>`, shared with the Approval Gate's credential. */
  signingSecret: string;
  clock: () => Date;
  log: Logger;
  /** Finds out what a call would do; without it no card has a preview. */
  preview?: TakePreview;
  /** Looks an execution up in n8n; without it, a run that answers nothing usable is given up after `giveUpMs`. */
  executionState?: (executionId: string) => Promise<ExecutionState>;
  /** Whether calls of this tool may only be decided on the gateway's own page, signed in, with a second factor. */
  isStrict?: (tool: string) => boolean;
  /** Whose second factor an authenticator is; without it, nobody decides a strict call. */
  factors?: Pick<Factors, 'holds'>;
  /** How many requests of one session may wait at once; without it, as many as the rules let ask. */
  mostAsks?: () => number;
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

/** A request to register, from the Approval Gate or from a part of the gateway that waits by itself. */
export interface Gate {
  executionId: string;
  nodeId: string;
  /** A resume path of null: nobody is told of the outcome, and who waits asks for it. */
  items: { decision: string; resumePath: string | null }[];
  /** Whether the gate hands on a call that was edited; without a word it does not, and nothing can be edited. */
  edits?: boolean;
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
  /**
   * The binding, or the hex start of it, that was on the button; absent where the page itself was bound to the id, which
   * it never is for several calls.
   */
  shownDigest?: string;
  /** A standing grant that this approval asks for besides; every counted vote has to. */
  standing?: StandingAsk | null;
}

/** A call that shall be asked about in place of the one that was asked for. */
export interface Edit {
  approvalId: string;
  principal: string;
  args: Record<string, unknown>;
  channel: string;
  /** The account that it came from, as of a ballot. */
  identity?: Identity;
  /** The digest of the call that the editor was shown. */
  shownDigest: string;
}

/** What became of an edit. */
export interface Edited extends VoteResult {
  /** The approval that stands in place of the edited one. */
  approvalId: string;
}

/** What became of a vote that counted. */
export interface VoteResult {
  state: ApprovalState;
  message: string;
}

/** The outcome of one item, as the Approval Gate gets it. `tool`, `args`, `digest` and `grant` are of the call that was decided. */
export interface Outcome {
  /** The decision that the gate waits for. */
  id: string;
  /** The decision of the call that was approved: another one where it was edited. */
  decision: string;
  index: number;
  state: Exclude<ApprovalState, 'pending'>;
  tool: string;
  args: Record<string, unknown> | null;
  digest: string;
  grant: string | null;
  decidedAt: string | null;
  by: CardVote[];
  reason: string | null;
  /** Present where the call is not the one that the gate asked for. */
  edited: { from: string; by: { principal: string; display: string }[] } | null;
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
  /** Whether it counted when the approval was decided; true until then. */
  counted: boolean;
}

export interface CardQuestion {
  id: string;
  by: string;
  question: string;
  at: string;
  answer: string | null;
  answeredAt: string | null;
}

/** One approval, or several that are decided together, as a person is shown it; the order of the fields is the order on the card. */
export interface Card {
  id: string;
  /** How many calls are decided together. */
  calls: number;
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
  /** Digest of all that the approval holds for; a vote carries it. */
  binding: string;
  /** The values of the call, then what a look at the system of record found. A heading begins each call of a shared card. */
  facts: { label: string; value: string; heading?: true }[];
  /** When that was looked up, or why nothing was, in words. */
  preview: string;
  /** Only values that did not come from the requester. */
  provenance: { label: string; value: string; source: string }[];
  /** Longer text of the call, to be shown fenced and as not verified. */
  quoted: string | null;
  createdAt: string;
  deadline: string;
  decidedAt: string | null;
  quorum: number;
  /** Whether a vote needs a second factor, on the gateway's own page. */
  strict: boolean;
  /** Who may decide. */
  approvers: { principal: string; display: string }[];
  votes: CardVote[];
  /** Whether this viewer may vote now, if only to reject it, and whether to approve it; `whyNot` says why not. */
  mayVote: boolean;
  mayApprove: boolean;
  whyNot: string | null;
  /** Whether this viewer may change the call, or ask its requester something. */
  mayEdit: boolean;
  mayAsk: boolean;
  /** Whether this viewer is the one whom the open questions are for. */
  mayAnswer: boolean;
  /** Whether anybody may change the call. */
  editable: boolean;
  questions: CardQuestion[];
  /** Who changed the call, and what it was before; null for a call as it was asked for. */
  edited: {
    by: string;
    changes: { label: string; before: string | null; after: string | null }[];
  } | null;
  /** The request that took this one's place. */
  replacedBy: string | null;
  /** The most that a standing grant of this request may cover; null where none can be given. */
  standing: StandingOffer | null;
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
