import type { Db, PgBoss } from 'pg-boss';
import type { Logger } from '../config/index.ts';
import type { Transaction } from '../db/index.ts';
import { settledWithin } from '../delivery/index.ts';
import type { Executor, Handle } from './types.ts';

const queueName = 'calls';
/** Longer than two tries of the longest call: whoever still has a job then is dead. */
const longestJobSeconds = 900;
const stopMs = 5000;

const within = (tx: Transaction): Db => ({ executeSql: (text, values) => tx.query(text, values) });

/**
 * Jobs in Postgres, by pg-boss: several gateways take them from one database, each job by one of them at a time.
 * @param options.pollSeconds how often it is looked for jobs that are due; at least 0.5
 * @param options.longestSeconds how long one may take before its process is taken for dead
 * @param options.atOnce jobs at once in this process
 */
export function createPostgresExecutor(
  deps: { boss: PgBoss; log: Logger },
  options: { pollSeconds?: number; longestSeconds?: number; atOnce?: number } = {},
): Executor {
  const { boss, log } = deps;
  const { pollSeconds = 1, longestSeconds = longestJobSeconds, atOnce = 4 } = options;
  const underWay = new Set<Promise<void>>();

  const handled = async (handle: Handle, job: string): Promise<void> => {
    const work = handle(job);
    underWay.add(work);
    try {
      await work;
    } catch (error) {
      // Connector errors can quote arguments, so only their kind is logged.
      const kind = error instanceof Error ? error.name : typeof error;
      log.warn({ job, kind }, 'a job could not be done and will be tried again');
      throw new Error('the job is tried again');
    } finally {
      underWay.delete(work);
    }
  };

  return {
    async later(tx, job, seconds) {
      const startAfter = Math.max(0, Math.ceil(seconds));
      await boss.send(queueName, { job }, { startAfter, singletonKey: job, db: within(tx) });
    },
    async start(handle) {
      await boss.createQueue(queueName, {
        // One job may wait for each name; asking for it again adds nothing.
        policy: 'short',
        expireInSeconds: longestSeconds,
        // Until the job itself says that it is over: what it is about has a deadline of its own.
        retryLimit: 10_000,
        retryDelay: 1,
        retryBackoff: true,
        retryDelayMax: 60,
        deleteAfterSeconds: 60,
      });
      await boss.work<{ job: string }>(
        queueName,
        { pollingIntervalSeconds: pollSeconds, batchSize: 1, localConcurrency: atOnce },
        async ([job]) => {
          if (job) await handled(handle, job.data.job);
        },
      );
    },
    async stop() {
      await boss.offWork(queueName, { wait: false });
      await settledWithin(underWay, stopMs);
    },
  };
}
