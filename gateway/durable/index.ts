export { createPostgresExecutor } from './postgres-executor.ts';
export type { Executor, Handle } from './types.ts';
