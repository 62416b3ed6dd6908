import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PgBoss } from 'pg-boss';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { createPostgresExecutor } from '../../../gateway/durable/index.ts';
import { executorContract } from '../../contract/executor-contract.ts';
import { testDatabase } from '../../support/postgres.ts';

/** As short as pg-boss lets its supervision be, which finds the jobs of the dead. */
const quick = { pollSeconds: 0.5, longestSeconds: 2 };

executorContract('Postgres', async () => {
  const db = await testDatabase();
  const log = createLogger('silent');
  const bosses: PgBoss[] = [];
  const open = async (): Promise<ReturnType<typeof createPostgresExecutor>> => {
    const boss = new PgBoss({ connectionString: db.url, max: 3, superviseIntervalSeconds: 1 });
    boss.on('error', () => undefined);
    await boss.start();
    bosses.push(boss);
    return createPostgresExecutor({ boss, log }, quick);
  };
  return {
    pool: db.pool,
    open,
    async takeAndDie(job) {
      const asking = await open();
      await transaction(db.pool, (tx) => asking.later(tx, job, 0));
      const child = fork(join(import.meta.dirname, 'taker.ts'), [db.url]);
      await once(child, 'message');
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async close() {
      for (const boss of bosses) await boss.stop({ graceful: false });
      await db.drop();
    },
  };
});
