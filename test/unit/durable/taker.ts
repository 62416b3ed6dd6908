import { PgBoss } from 'pg-boss';
import { createLogger } from '../../../gateway/config/index.ts';
import { createPostgresExecutor } from '../../../gateway/durable/index.ts';

// Takes a job, says so, and never ends it: its parent kills it then.
const boss = new PgBoss({ connectionString: process.argv[2] ?? '', max: 2 });
await boss.start();
const executor = createPostgresExecutor(
  { boss, log: createLogger('silent') },
  { pollSeconds: 0.5, longestSeconds: 2 },
);
await executor.start(() => {
  process.send?.('taken');
  return new Promise(() => undefined);
});
