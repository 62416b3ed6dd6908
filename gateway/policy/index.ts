export { readApprovalClasses, type ApprovalClass } from './approval-classes.ts';
export { buildPolicy, type PolicyManifest } from './build.ts';
export { openEpoch, type Epoch } from './epoch.ts';
export { findOpa, installOpa, opaVersion } from './opa.ts';
export { GrantRefused, missedItsRow, type Presented } from './grants.ts';
export { policyInput, type Judgement } from './judge.ts';
export { callDigest, checkStep } from './question.ts';
export { createPolicy, type Policy } from './policy.ts';
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
