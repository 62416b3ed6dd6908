export { createSandbox, type Sandbox } from './client.ts';
export { Language, LimitsSchema, type Limits, type RunRequest, type RunResult } from './contract.ts';
export { startRunner, type Runner } from './runner.ts';
