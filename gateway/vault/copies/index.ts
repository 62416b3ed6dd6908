export { readCopies, type Copy } from './plan.ts';
export { copyRows, type CopyRow } from './state.ts';
export { syncCopies, type N8nCredentials, type Synced } from './sync.ts';
