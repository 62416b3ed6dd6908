export { permit, type Allowed } from './allowlist.ts';
export { createEgress, type Answer, type EgressClient, type Opened, type Outgoing } from './client.ts';
export { checkedLookup, type Names } from './resolve.ts';
export { EgressRefused } from './refused.ts';
export { scrubber } from './scrub.ts';
