export type { AgentWait, Waits, WaitsDeps } from './types.ts';
export { createWaits } from './waits.ts';
