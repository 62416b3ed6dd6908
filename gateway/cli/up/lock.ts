import { link, rm, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatehouseError } from '../../config/index.ts';
import { readJson, writeJson } from './files.ts';
import { alive, identityOf } from './processes.ts';

interface Holder {
  pid: number;
  identity: string;
  since: string;
  /** it was asked to stop, and soon gives the lock back */
  stopping?: boolean;
}

/** A lock that is held. */
export interface Lock {
  /** Tells a next start that it need only wait a moment. */
  stopping(): Promise<void>;
  release(): Promise<void>;
}

/** Longer than an orderly stop takes. */
const stopMs = 15_000;

/**
 * Makes sure that one stack runs once. The lock names the process and when it began, so that a lock left behind by a
 * killed process, or whose number another process got since, does not hold. One that is stopping is waited for.
 * @param waiting called once, when there is somebody to wait for
 * @throws GatehouseError `GH-UP-001` when another one runs
 */
export async function acquireLock(path: string, waiting: () => void = () => undefined): Promise<Lock> {
  const mine: Holder = {
    pid: process.pid,
    identity: identityOf(process.pid) ?? '',
    since: new Date().toISOString(),
  };
  const own = `${path}.${process.pid}`;
  await writeJson(own, mine);
  let until: number | undefined;
  try {
    for (;;) {
      try {
        // Linking a written file is one step: a lock is never seen half written.
        await link(own, path);
        return {
          stopping: () => writeJson(path, { ...mine, stopping: true } satisfies Holder),
          release: () => rm(path, { force: true }),
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await readHolder(path);
      if (holder?.stopping && Date.now() < (until ?? Infinity)) {
        if (until === undefined) waiting();
        until ??= Date.now() + stopMs;
        await sleep(100);
        continue;
      }
      if (holder) {
        throw new GatehouseError(
          'GH-UP-001',
          `Gatehouse already runs here: process ${holder.pid}, since ${holder.since}.`,
          {
            status: 409,
            next: `Use the one that runs (npx gatehouse people link requester prints a way in), or stop it with Ctrl-C or: kill ${holder.pid}`,
          },
        );
      }
      await unlink(path).catch(() => undefined);
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** Who holds the lock now. @returns undefined when nobody does, or whoever did is gone */
export async function readHolder(path: string): Promise<Holder | undefined> {
  const holder = await readJson<Holder>(path).catch(() => undefined);
  return holder && alive(holder) ? holder : undefined;
}
