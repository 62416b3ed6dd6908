export { createAgent, type Agent, type Steerer } from './agent.ts';
export { createWaits, type Waits, type WaitsDeps } from './waits/index.ts';
export { costGroups, countWays, sumCosts, type CostGroup, type Costs, type Ways } from './costs.ts';
export { Allowance, createModels, inWords, lackInWords, modelKeys, tasks } from './models/index.ts';
export { createProgress } from './progress.ts';
export { cancelled } from './progress-words.ts';
export { createPrompts } from './prompts/index.ts';
export type { ShownRun } from './shown.ts';
export type { AgentDeps, AgentRequest } from './types.ts';
export {
  createWatch,
  type ListedRun,
  type Watch,
  type WatchedRun,
  type WatchedStep,
  type Watcher,
} from './watch.ts';
