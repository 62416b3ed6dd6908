export { createAgent, type Agent } from './agent.ts';
export { costGroups, countWays, sumCosts, type CostGroup, type Ways } from './costs.ts';
export { Allowance, createModels, inWords, modelKeys, tasks } from './models/index.ts';
export { createPrompts } from './prompts/index.ts';
export type { ShownRun } from './shown.ts';
export type { AgentDeps, AgentRequest } from './types.ts';
