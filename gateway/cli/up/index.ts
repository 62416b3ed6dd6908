export { issueSharedSecrets } from './identities.ts';
export { readJson, writeJson } from './files.ts';
export { defaultDir, layout, repository, type Layout } from './layout.ts';
export { installLlama, llamaInstalled } from './llama-install.ts';
export { installN8n, n8nInstalled } from './n8n-install.ts';
export {
  choose,
  credentialsFor,
  interrupted,
  readWorkflows,
  sourceOf,
  type Imported,
  type Stored,
  type WorkflowFile,
} from './n8n-content.ts';
export { cacheFolder } from './pinned-install.ts';
export { freePorts, type Ports } from './ports.ts';
export { startPostgres, type OwnPostgres } from './own-postgres.ts';
export { bypassProxyOnLoopback } from './proxy.ts';
export { removeStack } from './reset.ts';
export { terminalReporter, type Reporter } from './steps.ts';
export { startStack, type Stack, type StackOptions } from './start.ts';
