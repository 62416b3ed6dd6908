export { createConnectors } from './connectors/index.ts';
export { type ApprovalLists, type WaitingRequest } from './connectors/gatehouse.ts';
export { prepareDemo } from './demo/demo.ts';
export type { ToolsDeps } from './deps.ts';
export { createKeptResults } from './large-results.ts';
export { createPreviews } from './preview.ts';
export { createTools, type Tools } from './tools.ts';
export type { ExecuteRequest, Execution } from './types.ts';
