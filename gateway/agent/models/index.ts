export { createBreakers, type Breakers } from './breakers.ts';
export { choose, highestOf, isOfClass, roomOf, type Choice, type PassedOver } from './choose.ts';
export { ask, targetOf } from './client.ts';
export type { Answer, OfferedTool, Question, Turn, WantedCall } from './conversation.ts';
export { ModelFailed } from './failed.ts';
export {
  Allowance,
  createModels,
  tasks,
  type Model,
  type Models,
  type ModelsFile,
  type Task,
} from './file.ts';
export { lackInWords, lackOf, stillLacks, type Lack } from './lack.ts';
export { languageOf } from './language.ts';
export { modelKeys } from './keys.ts';
export { createScrub } from './scrubbed.ts';
export { costOf, estimateTokens, inWords, micros } from './price.ts';
