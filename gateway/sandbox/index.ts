export { createSandbox, type Sandbox } from './client.ts';
export { Language, type RunRequest, type RunResult } from './contract.ts';
export { defaultImages } from './images.ts';
export { startRunner, type Runner } from './runner.ts';
export type { UidRange } from './uids.ts';
