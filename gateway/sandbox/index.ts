export { createSandbox, type Sandbox } from './client.ts';
export type { RunRequest, RunResult } from './contract.ts';
export { startRunner, type Runner } from './runner.ts';
