export type { Apis } from './apis.ts';
export type { ArgumentProblem } from './arguments.ts';
export type { Auth } from './auth.ts';
export { callOf, type CommandCall } from './command.ts';
export { evaluate } from './expression.ts';
export { faultLine, type Fault } from './faults.ts';
export { ownHeaders, type Egress, type HostEntry } from './http.ts';
export { unbound } from './shared-hosts.ts';
export { checkCatalogue, loadCatalogue, type Catalogue, type NextCatalogue } from './load.ts';
export { toolIndex, toolPage } from './page.ts';
export { parseTool, type Tool } from './parse.ts';
export { atPointer } from './pointer.ts';
export type { Api, ErrorRule, RestConnector, RestRequest } from './rest.ts';
export {
  dataClasses,
  riskClasses,
  waitable,
  type ArgumentKind,
  type Connector,
  type DataClass,
  type PreviewStatement,
  type RiskClass,
} from './schema.ts';
export { amountOf, placeholders, renderSentence } from './sentence.ts';
export { mostTokens, usedTokens } from './tokens.ts';
export { parseTemplate, wholeSlot, type BodyTemplate } from './template.ts';
