export { GroupCommit } from './group-commit.ts';
export { migrate, pendingMigrations } from './migrate.ts';
export { inOneGo, openPool, transaction, type Pool, type Queryable, type Transaction } from './pool.ts';
export { Signals } from './signals.ts';
