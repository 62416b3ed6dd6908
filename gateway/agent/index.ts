export { createAgent, type Agent } from './agent.ts';
export type { ShownRun } from './shown.ts';
export { createWaits, type Waits, type WaitsDeps } from './waits/index.ts';
export { costGroups, sumCosts, type CostGroup } from './costs.ts';
export { Allowance, createModels, inWords, tasks } from './models/index.ts';
export { createPrompts } from './prompts/index.ts';
export type { AgentDeps, AgentRequest } from './types.ts';
