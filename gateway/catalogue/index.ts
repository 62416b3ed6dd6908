export type { ArgumentProblem } from './arguments.ts';
export { faultLine, type Fault } from './faults.ts';
export { checkCatalogue, loadCatalogue, type Catalogue, type NextCatalogue } from './load.ts';
export { toolIndex, toolPage } from './page.ts';
export { parseTool, type Tool } from './parse.ts';
export { atPointer } from './pointer.ts';
export {
  dataClasses,
  ownHeaders,
  riskClasses,
  type ArgumentKind,
  type Connector,
  type DataClass,
  type Egress,
  type HostEntry,
  type PreviewStatement,
  type RiskClass,
} from './schema.ts';
export { amountOf, placeholders, renderSentence } from './sentence.ts';
export { mostTokens, usedTokens } from './tokens.ts';
