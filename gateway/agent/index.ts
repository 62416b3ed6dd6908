export { createAgent, type Agent, type ShownRun } from './agent.ts';
export { Allowance, createModels, tasks } from './models/index.ts';
export { createPrompts } from './prompts/index.ts';
export type { AgentDeps, AgentRequest } from './types.ts';
