import type { Agent, Watch } from '../agent/index.ts';
import type { ApprovalReport, Inbox, InboxWish, ReportRow } from '../approvals/index.ts';
import type { OfferedFile } from '../channels/index.ts';
import type { Logger, Problem } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import type { Diagnosis } from '../doctor/index.ts';
import type { Factors } from '../factors/index.ts';
import type { Explanation, KillSwitch, KillTarget, PolicyOverview, ShadowReport } from '../policy/index.ts';
import type { Terminals } from '../sessions/index.ts';

/** What the pages need to know of a person. */
export interface WebPerson {
  principal: string;
  display: string;
  roles: readonly string[];
  groups: readonly string[];
}

export type ApprovalState =
  'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'superseded' | 'undeliverable';
export type Verdict = 'approve' | 'reject';

/** One approval as a person may see it; the order of the fields is the order on the card. */
export interface ApprovalCard {
  id: string;
  state: ApprovalState;
  kind: 'confirm' | 'approve';
  /** One sentence: "Rita asks to pay 120.00 EUR to ACME". */
  sentence: string;
  /** Infinitive that the button names, without the verb of the vote: "120.00 EUR to ACME". */
  effect: string;
  tool: string;
  digest: string;
  requester: { principal: string | null; display: string };
  reasons: readonly { code: string; text: string }[];
  /** Digest of all that a vote is for. */
  binding: string;
  facts: readonly { label: string; value: string }[];
  /** When what would happen was looked up, or why not, in words. */
  preview: string;
  /** Only values that did not come from the requester. */
  provenance: readonly { label: string; value: string; source: string }[];
  /** What the sender or a model wrote; shown fenced, never as ours. */
  quoted: string | null;
  createdAt: Date | string;
  deadline: Date | string;
  decidedAt: Date | string | null;
  quorum: number;
  /** Whether a vote needs a second factor. */
  strict: boolean;
  approvers: readonly { principal: string; display: string }[];
  votes: readonly {
    principal: string;
    display: string;
    verdict: Verdict;
    comment: string | null;
    channel: string;
    at: Date | string;
    /** Whom they stood in for. */
    standsInFor?: string | null;
    /** Whether it counted when the request was decided. */
    counted: boolean;
  }[];
  /** Whether this viewer may vote now, if only to reject it, and whether to approve it; `whyNot` says why not. */
  mayVote: boolean;
  mayApprove: boolean;
  whyNot?: string | null;
  /** Why it was closed without a vote, where it was. */
  reason?: string | null;
  /** The n8n form of this approver, where there is one. */
  formUrl?: string | null;
  /** What this viewer may do besides voting. */
  mayEdit: boolean;
  mayAsk: boolean;
  mayAnswer: boolean;
  questions: readonly {
    id: string;
    by: string;
    question: string;
    at: Date | string;
    answer: string | null;
    answeredAt: Date | string | null;
  }[];
  /** Who changed the call, and how; null for a call as it was asked for. */
  edited: {
    by: string;
    changes: readonly { label: string; before: string | null; after: string | null }[];
  } | null;
  /** The request that took this one's place. */
  replacedBy: string | null;
  /** The most that this viewer may allow beyond the one call. */
  standing: StandingOffer | null;
}

type StandingOffer = { maxHours: number } & ({ maxCalls: number } | { currency: string; maxAmount: string });

/** One argument of a call as a field of a form. */
export interface EditField {
  name: string;
  label: string;
  kind: 'text' | 'long' | 'choice' | 'number' | 'json';
  value: string;
  required: boolean;
  description: string | null;
  options: readonly string[];
  maxLength: number | null;
}

/** What approvers allowed beyond one call. */
export interface StandingCard {
  id: string;
  approvalId: string;
  title: string;
  user: string;
  destinations: readonly { label: string; value: string }[];
  left: string;
  grantedBy: readonly string[];
  expiresAt: Date | string;
}

/** A signed-in person, who acts as their account on the web. */
interface ByPerson {
  principal: string;
  channel: 'web';
}

/** What an approver wants to allow beyond the one call. */
export interface StandingWish {
  hours: number;
  calls?: number;
  amount?: string;
}

export interface WebApprovals {
  /** @throws GatehouseError 404 when there is none that `viewer` may see; null says the same */
  card(id: string, viewer: string, wanted?: { link: boolean }): Promise<ApprovalCard | null>;
  /** @throws GatehouseError 403 or 409 when the vote does not count, in words for the voter */
  vote(vote: {
    approvalId: string;
    principal: string;
    verdict: Verdict;
    comment: string | null;
    channel: 'web' | 'terminal';
    /** What the voter saw; a vote for anything else does not count. */
    shownDigest: string;
    /** What else to allow with it. */
    standing?: StandingWish;
    /** The second factor that confirmed it. */
    authenticator?: string;
  }): Promise<unknown>;
  /** @throws GatehouseError where this person may not change it, or nobody may */
  editForm(id: string, viewer: string): Promise<readonly EditField[]>;
  /** @throws GatehouseError that says why the request stays as it was */
  editByForm(change: {
    approvalId: string;
    principal: string;
    values: Record<string, string>;
    channel: 'web';
    shownDigest: string;
  }): Promise<{ approvalId: string }>;
  askBack(asked: ByPerson & { approvalId: string; question: string }): Promise<void>;
  answer(given: ByPerson & { approvalId: string; questionId: string; answer: string }): Promise<void>;
  /** Standing grants that this person can end. */
  standing(viewer: string): Promise<readonly StandingCard[]>;
  revokeStanding(id: string, by: ByPerson): Promise<void>;
  /** What this person may approve now, soonest deadline first, or what of it has an id that begins so. */
  pendingFor(principal: string, begins?: string): Promise<readonly ApprovalCard[]>;
  inbox(viewer: string, wish: InboxWish): Promise<Inbox>;
  report(days: number): Promise<ApprovalReport>;
  reportRows(days: number): Promise<ReportRow[]>;
  /** Calls `handler` when an approval was asked, voted on or ended. @returns how to stop it */
  onChange(handler: () => void): () => void;
}

/** One receipt as the audit room lists it. `position` and `hash` are null until the sealer has reached it. */
export interface ReceiptRow {
  id: string;
  kind: string;
  messageId: string | null;
  decisionId: string | null;
  facts: Record<string, unknown>;
  createdAt: Date | string;
  position: number | null;
  hash: string | null;
}

/** An account that an administrator says belongs to the viewer, who has yet to agree. */
export interface IdentityQuestion {
  code: string;
  channel: string;
  account: string;
  nativeId: string;
  /** The sender's own word. */
  display: string;
}

export interface WebIdentities {
  question(code: string, principal: string): Promise<IdentityQuestion | null>;
  /** @returns whether it was linked. @throws GatehouseError 400 or 403 in words for the viewer */
  answer(code: string, principal: string, yes: boolean): Promise<boolean>;
}

export interface WebSignIn {
  redeem(token: string): Promise<{ session: string; csrf: string; principal: string } | null>;
  session(token: string): Promise<{ principal: string; csrf: string } | null>;
  end(token: string): Promise<void>;
  standing(token: string): Promise<{ fresh: boolean; proven: boolean; invited: boolean }>;
  /** Notes that the session proved a second factor. */
  proved(token: string): Promise<void>;
}

export type SubmitOutcome = 'accepted' | 'duplicate' | 'dead' | 'refused' | 'handled';

/** What the policy page shows and turns; the policy room itself, but for the roles that it does not know. */
export interface WebPolicy {
  overview(): Promise<PolicyOverview>;
  killSwitches(): Promise<KillSwitch[]>;
  /** @throws GatehouseError where the target is not there */
  setKillSwitch(change: { engaged: boolean; target: KillTarget; reason: string; by: string }): Promise<void>;
  /** @throws GatehouseError 404 */
  explain(decisionId: string): Promise<Explanation>;
  shadow(): Promise<ShadowReport>;
}

/** Runs of the agent: to be looked at by those who may, and steered by their own person. */
export type WebRuns = Watch & Pick<Agent, 'pause' | 'resume' | 'stop' | 'say'>;

/** Everything the pages use, injected by the composition root. */
export interface WebDeps {
  /** Origin that people see; decides `Secure` cookies and the Origin check. */
  publicUrl: string;
  pool: Pool;
  signals: { on(channel: string, handler: (payload: string) => void): () => void };
  people: { get(principal: string): WebPerson | null | undefined };
  signIn: WebSignIn;
  terminals: Terminals;
  /** What a message may bring beside its text; `endings` of names, each with its dot. */
  attachments: { files: number; bytes: number; endings: readonly string[] };
  /**
   * Hands a typed message to delivery as `principal`; resolves once it is stored.
   * @throws GatehouseError for files that are not taken
   */
  submit(principal: string, text: string, files: readonly OfferedFile[]): Promise<SubmitOutcome>;
  approvals: WebApprovals;
  runs: WebRuns;
  identities: WebIdentities;
  policy: WebPolicy;
  /** Looks at the whole installation; it takes some seconds where something does not answer. */
  doctor(): Promise<Diagnosis>;
  factors: Omit<Factors, 'holds' | 'takeNews'>;
  audit: {
    listReceipts(pool: Pool, filter: { principal: string } | { all: true }): Promise<readonly ReceiptRow[]>;
  };
  /** The OpenAPI 3.1 document of the internal API; with the tools of this installation only where that is asked for. */
  openapi(withTools: boolean): unknown;
  /** Problem details of anything thrown; the listener's own mapping, which also knows an outage (503). */
  problemOf(error: unknown): Problem;
  log: Pick<Logger, 'error'>;
}
