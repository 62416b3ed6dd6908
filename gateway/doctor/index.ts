export { examine, type Subject } from './examine.ts';
export { readPolicyFiles } from './policy-files.ts';
export { diagnosisOf, failure, type Diagnosis, type Finding, type State } from './finding.ts';
export type { Readiness } from './around.ts';
