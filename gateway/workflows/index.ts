export { readExemptions, withoutExempted, type Exemption } from './exemptions.ts';
export { type Finding } from './findings.ts';
export { findUngoverned } from './guard.ts';
export { readWorkflow, type Workflow } from './workflow.ts';
