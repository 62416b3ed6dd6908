import type { Db, JobInsert, PgBoss } from 'pg-boss';
import type { QueryConfig } from 'pg';
import type { Transaction } from '../db/index.ts';
import { uuidv7, type Envelope } from '../envelope/index.ts';

const queueName = 'dispatch';

/** One message's turn: it holds its session while the job is active. */
export interface Turn {
  job: string;
  /** Null where the message is not open any more: requeued twice, deleted, or past its retention. */
  envelope: Envelope | null;
}

// pg-boss builds its statements anew, with the number of jobs inside; planning one costs more than running it, so
// that each is prepared under a name of its own.
const prepared = new Map<string, string>();

function named(text: string, values: unknown[] = []): QueryConfig {
  let name = prepared.get(text);
  if (name === undefined && prepared.size < 100) prepared.set(text, (name = `queue-${prepared.size}`));
  return { text, values, ...(name === undefined ? {} : { name }) };
}

/** Taking a turn reads its message as well, which saves a round trip. */
const withEnvelopes = (tx: Transaction): Db => ({
  executeSql: (text, values) =>
    tx.query(
      named(
        `with taken as (${text.trim().replace(/;$/, '')})
         select taken.*, m.envelope from taken
         left join messages m on m.id = taken.data ->> 'message' and m.state in ('queued', 'limited')`,
        values,
      ),
    ),
});

/** For statements whose result pg-boss only hands on. */
const unheard = (tx: Transaction): Db => ({
  executeSql(text, values) {
    tx.send(named(text, values));
    return Promise.resolve({ rows: [{ count: 0 }] });
  },
});

/**
 * Ends turns within another statement, which `Queue.end` cannot.
 * @param held what names their jobs in its column `job_id`
 */
export const turnsEndOf = (held: string): string =>
  `delete from pgboss.job where name = '${queueName}' and id in (select job_id from ${held})`;

/**
 * The queue of messages for n8n: pg-boss's `key_strict_fifo`, one key a session. A job exists exactly as long as its
 * message's turn is open: it is deleted, never failed, because a failed job would block its session for good.
 */
export class Queue {
  readonly #boss: PgBoss;

  constructor(boss: PgBoss) {
    this.#boss = boss;
  }

  /** Makes the queue where it is missing. */
  async create(): Promise<void> {
    await this.#boss.createQueue(queueName, {
      policy: 'key_strict_fifo',
      partition: true,
      // Leases are ours (`runs.lease_until`); pg-boss's own expiry must never hand a turn out twice.
      expireInSeconds: 23 * 3600,
      retryLimit: 1000,
    });
  }

  /** Appends messages in their order. Ids made here sort in that order, which is what orders a batch. */
  async append(
    tx: Transaction,
    entries: readonly { message: string; session: string; startAfter?: Date | undefined }[],
  ): Promise<void> {
    const jobs: JobInsert<{ message: string }>[] = entries.map((entry) => ({
      id: uuidv7(),
      data: { message: entry.message },
      singletonKey: entry.session,
      ...(entry.startAfter === undefined ? {} : { startAfter: entry.startAfter.toISOString() }),
    }));
    await this.#boss.insert(queueName, jobs, { db: unheard(tx) });
  }

  /** Takes the next turns of up to `most` sessions. */
  async take(tx: Transaction, most: number): Promise<Turn[]> {
    const jobs = await this.#boss.fetch(queueName, { batchSize: most, db: withEnvelopes(tx) });
    return jobs.map((job) => ({
      job: job.id,
      envelope: (job as { envelope?: Envelope | null }).envelope ?? null,
    }));
  }

  /** Ends turns, so that their sessions go on. */
  async end(tx: Transaction, jobs: readonly string[]): Promise<void> {
    if (jobs.length > 0) await this.#boss.deleteJob(queueName, [...jobs], { db: unheard(tx) });
  }

  /** @returns how many messages could go now, and how many are held back by a rate limit */
  async sizes(): Promise<{ ready: number; limited: number }> {
    const { rows } = await this.#boss.getDb().executeSql(
      `select (count(*) filter (where start_after <= now()))::int as ready,
         (count(*) filter (where start_after > now()))::int as limited
       from pgboss.job where name = '${queueName}' and state < 'active'`,
    );
    return rows[0] as { ready: number; limited: number };
  }

  /** @returns until when each session with a held-back message is held back */
  async heldBack(): Promise<Map<string, Date>> {
    const { rows } = await this.#boss.getDb().executeSql(
      `select singleton_key as session, max(start_after) as until from pgboss.job
       where name = '${queueName}' and state = 'created' and start_after > now() group by singleton_key`,
    );
    return new Map(
      (rows as { session: string; until: Date }[]).map((row) => [row.session, new Date(row.until)]),
    );
  }
}
