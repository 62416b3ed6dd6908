export { createPostgresExecutor } from './postgres-executor.ts';
export { createSchedules, dueOf, timesToRun, type Due, type Schedule } from './schedules.ts';
export type { Executor, Handle } from './types.ts';
