export type { ArgumentProblem } from './arguments.ts';
export { loadCatalogue, type Catalogue } from './load.ts';
export { parseTool, type Tool } from './parse.ts';
export { riskClasses, type ArgumentKind, type Connector, type Egress, type RiskClass } from './schema.ts';
export { amountOf, renderSentence } from './sentence.ts';
