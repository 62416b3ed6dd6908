import { link, rm, unlink } from 'node:fs/promises';
import { GatehouseError } from '../../config/index.ts';
import { readJson, writeJson } from './files.ts';
import { alive, identityOf } from './processes.ts';

interface Holder {
  pid: number;
  identity: string;
  since: string;
}

/**
 * Makes sure that one stack runs once. The lock names the process and when it began, so that a lock left behind by a
 * killed process, or whose number another process got since, does not hold.
 * @returns how to give the lock back
 * @throws GatehouseError `GH-UP-001` when another one runs
 */
export async function acquireLock(path: string): Promise<() => Promise<void>> {
  const mine: Holder = {
    pid: process.pid,
    identity: identityOf(process.pid) ?? '',
    since: new Date().toISOString(),
  };
  const own = `${path}.${process.pid}`;
  await writeJson(own, mine);
  try {
    for (;;) {
      try {
        // Linking a written file is one step: a lock is never seen half written.
        await link(own, path);
        return () => rm(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await readHolder(path);
      if (holder) {
        throw new GatehouseError(
          'GH-UP-001',
          `Gatehouse already runs here: process ${holder.pid}, since ${holder.since}.`,
          { status: 409, next: `Use the one that runs, or stop it with Ctrl-C or: kill ${holder.pid}` },
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
