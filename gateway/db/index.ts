export { whileAlone } from './alone.ts';
export { isOutage, sqlState } from './errors.ts';
export { GroupCommit } from './group-commit.ts';
export { dumpTables, loadTable, migrationsOf, tablesToLoad } from './dump.ts';
export { migrate, pendingMigrations, remakeSchema } from './migrate.ts';
export { inOneGo, openPool, transaction, type Pool, type Queryable, type Transaction } from './pool.ts';
export { shareTransactions } from './sharing.ts';
export { Signals } from './signals.ts';
