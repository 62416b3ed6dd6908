export { createApprovals, openCards, type Approvals, type OpenCards, type OpenWish } from './approvals.ts';
export { deliver, lookUp, pauseMs, type ResumeDeps } from './deliver.ts';
export type { EditField } from './edit-form.ts';
export type { Inbox, InboxGroup, InboxGrouping, InboxItem, InboxWish } from './inbox.ts';
export { placeOf } from './notices.ts';
export { fewestTimes, type ApprovalReport } from './report.ts';
export type { ReportRow } from './report-rows.ts';
export { listedDays, type ListName } from './scope.ts';
export { standingOf, type StandingCard } from './standing.ts';
export {
  type ApprovalsDeps,
  type ApprovalState,
  type Ballot,
  type Card,
  type CardVote,
  type ExecutionState,
  type Gate,
  type Outcome,
  type Registered,
  type Verdict,
  type VoteResult,
} from './types.ts';
export { queryOfWait } from './resume-call.ts';
export { n8nExecutions } from './n8n-executions.ts';
export { waitingProxy } from './waiting-proxy.ts';
