export { createConnectors } from './connectors/index.ts';
export { type ApprovalLists, type WaitingRequest } from './connectors/gatehouse.ts';
export { prepareDemo } from './demo/demo.ts';
export { createTools, type Tools, type ToolsDeps } from './tools.ts';
export type { ExecuteRequest, Execution } from './types.ts';
