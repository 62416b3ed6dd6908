import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { transaction, type Pool } from '../../gateway/db/index.ts';
import type { Executor } from '../../gateway/durable/index.ts';

/** What the suite needs of an executor: several processes that share its jobs. */
export interface ExecutorHarness {
  pool: Pool;
  /** One more, in this process. Jobs of a process that died are handed out again within some seconds. */
  open(): Promise<Executor>;
  /**
   * Starts one in a process of its own that takes a job and never ends it, and kills that process with SIGKILL once it
   * has taken one.
   */
  takeAndDie(job: string): Promise<void>;
  close(): Promise<void>;
}

/** Whatever does calls later has to keep to this. @param make sets up a store of jobs that nobody else uses */
export function executorContract(name: string, make: () => Promise<ExecutorHarness>): void {
  describe(`executor contract: ${name}`, { timeout: 180_000 }, () => {
    let harness: ExecutorHarness;
    let executor: Executor;
    const done: { job: string; at: number }[] = [];
    const faults = new Map<string, number>();
    const underWay = new Map<string, number>();
    let overlaps = 0;
    let held: Promise<void> | undefined;

    const handle = async (job: string): Promise<void> => {
      underWay.set(job, (underWay.get(job) ?? 0) + 1);
      if ((underWay.get(job) ?? 0) > 1) overlaps += 1;
      try {
        const left = faults.get(job) ?? 0;
        faults.set(job, left - 1);
        if (left > 0) throw new Error('not yet');
        await held;
        done.push({ job, at: Date.now() });
      } finally {
        underWay.set(job, (underWay.get(job) ?? 0) - 1);
      }
    };
    const ask = (job: string, seconds = 0): Promise<void> =>
      transaction(harness.pool, (tx) => executor.later(tx, job, seconds));
    const doneOf = (job: string): number => done.filter((entry) => entry.job === job).length;
    const untilDone = async (job: string, seconds = 30): Promise<void> => {
      for (const until = Date.now() + seconds * 1000; doneOf(job) === 0; await sleep(50))
        assert.ok(Date.now() < until, `${job} was not done within ${seconds} s`);
    };

    before(async () => {
      harness = await make();
      executor = await harness.open();
      await executor.start(handle);
    });
    after(async () => {
      await executor?.stop();
      await harness?.close();
    });

    it('does a job that was asked for, once where nothing goes wrong', async () => {
      await ask('plain');
      await untilDone('plain');
      await sleep(1500);
      assert.equal(doneOf('plain'), 1);
    });

    it('knows nothing of a job whose transaction was rolled back', async () => {
      const failing = transaction(harness.pool, async (tx) => {
        await executor.later(tx, 'undone', 0);
        throw new Error('changed its mind');
      });
      await assert.rejects(failing, /changed its mind/);
      await ask('after the undone');
      await untilDone('after the undone');
      await sleep(1500);
      assert.equal(doneOf('undone'), 0);
    });

    it('does not do a job before its time', async () => {
      const asked = Date.now();
      await ask('later', 3);
      await untilDone('later');
      const at = done.find(({ job }) => job === 'later')?.at ?? 0;
      assert.ok(at - asked >= 2900, `after ${at - asked} ms`);
    });

    it('does a job again whose handler failed, until it does not', async () => {
      faults.set('stubborn', 2);
      await ask('stubborn');
      await untilDone('stubborn');
      assert.equal(doneOf('stubborn'), 1);
    });

    it('lets a job ask for itself again while it is done', async () => {
      let rounds = 0;
      const own = await harness.open();
      await executor.stop();
      await own.start(async (job) => {
        rounds += 1;
        if (rounds < 3) await transaction(harness.pool, (tx) => own.later(tx, job, 0));
        else done.push({ job, at: Date.now() });
      });
      await transaction(harness.pool, (tx) => own.later(tx, 'again and again', 0));
      await untilDone('again and again');
      assert.equal(rounds, 3);
      await own.stop();
      executor = await harness.open();
      await executor.start(handle);
    });

    it('hands one job to one of several executors at a time', async () => {
      const second = await harness.open();
      await second.start(handle);
      const jobs = Array.from({ length: 30 }, (_, index) => `shared ${index}`);
      for (const job of jobs) await ask(job);
      for (const job of jobs) await untilDone(job);
      assert.equal(overlaps, 0);
      assert.deepEqual(
        jobs.map(doneOf),
        jobs.map(() => 1),
      );
      await second.stop();
    });

    it('keeps jobs that nobody took until somebody does', async () => {
      await executor.stop();
      await ask('patient');
      await sleep(1500);
      assert.equal(doneOf('patient'), 0);
      executor = await harness.open();
      await executor.start(handle);
      await untilDone('patient');
    });

    it('gives the job of a process that was killed to another one', async () => {
      await executor.stop();
      await harness.takeAndDie('orphan');
      executor = await harness.open();
      await executor.start(handle);
      await untilDone('orphan', 90);
    });

    it('waits for what is under way when it stops, and takes nothing more', async () => {
      let release: () => void = () => undefined;
      held = new Promise<void>((resolve) => {
        release = resolve;
      });
      await ask('slow');
      while ((underWay.get('slow') ?? 0) === 0) await sleep(20);
      const stopping = executor.stop();
      await ask('too late');
      setTimeout(release, 300);
      await stopping;
      assert.equal(doneOf('slow'), 1);
      await sleep(1500);
      assert.equal(doneOf('too late'), 0);
      executor = await harness.open();
      await executor.start(handle);
      await untilDone('too late');
    });
  });
}
