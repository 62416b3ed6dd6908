export {
  bindingDigest,
  previewChanges,
  type Preview,
  type PreviewCall,
  type PreviewFact,
  type TakePreview,
} from './binding.ts';
export { readApprovalClasses, type ApprovalClass } from './approval-classes.ts';
export { buildPolicy } from './build.ts';
export { buildBundle } from './bundle.ts';
export { checkOpa, loadBuiltRules, readPolicyData } from './data.ts';
export { classesOf, noOtherHeard, taint, toolsHeard } from './facts.ts';
export { loadEngine } from './engine.ts';
export { openCandidate } from './candidate.ts';
export { destinationsOf } from './destinations.ts';
export { openEpoch, type Epoch } from './epoch.ts';
export { explainDecision, type Explanation } from './explain.ts';
export { findOpa, installOpa, opaVersion } from './opa.ts';
export { GrantRefused, missedItsRow, outdatedBy, type Presented } from './grants.ts';
export { setKillSwitch, listKillSwitches, type KillSwitch, type KillTarget } from './kill-switch.ts';
export { withoutKeys } from './provenance/index.ts';
export { policyInput } from './judge.ts';
export { RulesChanged, type Judged } from './store.ts';
export { callsOnOneCard } from './pending.ts';
export { callDigest, checkStep } from './question.ts';
export { coverageBar, runRuleTests } from './rule-tests.ts';
export { runTables } from './tables.ts';
export { allowRollback, createRevisions, listRevisions } from './revisions.ts';
export { shadowReport, startShadow, type Shadow, type ShadowReport } from './shadow.ts';
export { ruleFiles } from './sources.ts';
export { simulate } from './simulate.ts';
export type { Standing, StandingAsk, StandingOffer } from './standing.ts';
export type { PolicyOverview } from './overview.ts';
export { readLimits } from './limits.ts';
export { readOverrides, type Override } from './overrides.ts';
export type { Charge } from './budgets.ts';
export { exceededBudget, release, reserve, settleUsed, shortCharges } from './reservations.ts';
export { settleFacts } from './settle-facts.ts';
export { createPolicy, type Policy, type StandingGrants } from './policy.ts';
export type {
  Approvers,
  Call,
  Decision,
  Effect,
  Origin,
  PolicyInput,
  Reason,
  RunContext,
  TracedLeaf,
  Verdict,
} from './types.ts';
