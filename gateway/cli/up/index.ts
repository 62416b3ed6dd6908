export { defaultDir, layout, repository, type Layout } from './layout.ts';
export { installN8n, n8nFolder, n8nInstalled } from './n8n-install.ts';
export { installNodes, packNodes } from './nodes-package.ts';
export { credentialsFor, readWorkflows, type WorkflowFile } from './n8n-content.ts';
export { freePorts, readPorts, type Ports } from './ports.ts';
export { startPostgres, type OwnPostgres } from './own-postgres.ts';
export { removeStack } from './reset.ts';
export { silentReporter, terminalReporter, type Reporter } from './steps.ts';
export { startStack, type Stack, type StackOptions } from './start.ts';
