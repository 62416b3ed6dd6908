import { createHash } from 'node:crypto';
import { lstat, readlink, symlink, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ignore, type Folder } from './folder.ts';
import { refused } from './refused.ts';

const waitMs = 5000;
/** Longer than any call takes. */
const abandonedMs = 15 * 60_000;

/** The names of our own files beside a file: its lock, and its next content until that is whole. */
export function besides(name: string): { lock: string; part: string } {
  const stem = `.gatehouse-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  return { lock: `${stem}.lock`, part: `${stem}.part` };
}

/**
 * Changes a file while no other call does, of this gateway or of another one. The lock is a link whose text is the attempt:
 * it is made whole or not at all, leads nowhere, and a call that died with its gateway finds its own again.
 * @throws GatehouseError `GH-TOOLS-067` where another call holds it for seconds
 */
export async function locked<T>(
  folder: Folder,
  name: string,
  attempt: string,
  work: () => Promise<T>,
): Promise<T> {
  const path = folder.at(besides(name).lock);
  const end = Date.now() + waitMs;
  for (;;) {
    try {
      await symlink(attempt, path);
      break;
    } catch (error) {
      ignore('EEXIST')(error);
    }
    const owner = await readlink(path).catch(() => null);
    if (owner === attempt) break;
    const since = await lstat(path).then(
      (stat) => stat.mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - since > abandonedMs) await unlink(path).catch(ignore('ENOENT'));
    else if (Date.now() > end)
      throw refused('busy', `Another call is changing ${name}.`, 'Try again in a moment.');
    else await sleep(25);
  }
  try {
    return await work();
  } finally {
    await unlink(path).catch(ignore('ENOENT'));
  }
}
