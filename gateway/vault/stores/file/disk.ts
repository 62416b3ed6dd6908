import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatehouseError } from '../../../config/index.ts';

/** Replaces a file whole or not at all, readable by its owner only; it is on the disk when this returns. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(path);
}

/** Makes renames in a file's folder last. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

/** @returns null where there is no such file */
export async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

const [staleMs, pauseMs, tries] = [10_000, 25, 400];

/** Leave to write. */
export interface Lock {
  /** @throws GatehouseError `GH-VAULT-007` where somebody took it for the lock of a dead process */
  stillOurs(): Promise<void>;
}

/**
 * Lets one process write at a time. A lock whose process died is taken over at once where that can be seen, and after ten
 * seconds where it cannot (another host or container with the same folder).
 * @throws GatehouseError `GH-VAULT-007` while another process holds it
 */
export async function locked<T>(path: string, work: (lock: Lock) => Promise<T>): Promise<T> {
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, nonce: randomUUID() });
  for (let round = 0; ; round += 1) {
    if (await claimed(path, mine)) break;
    if (round >= tries) throw busy();
    const text = await textOf(path).catch(() => '');
    if (text !== null && (await isStale(path, text))) await rm(path, { recursive: true, force: true });
    else await sleep(pauseMs);
  }
  try {
    return await work({
      async stillOurs() {
        if ((await textOf(path)) !== mine) throw busy();
      },
    });
  } finally {
    if ((await textOf(path).catch(() => null)) === mine) await rm(path, { force: true });
  }
}

async function claimed(path: string, content: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600);
    await handle.writeFile(content).finally(() => handle.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path: string, text: string): Promise<boolean> {
  const age = await stat(path).then(
    (entry) => Date.now() - entry.mtimeMs,
    () => 0,
  );
  if (age > staleMs) return true;
  try {
    const { host, pid } = JSON.parse(text) as { host: string; pid: number };
    return host === hostname() && !isAlive(pid);
  } catch {
    // Its owner may be about to write who it is.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const busy = (): GatehouseError =>
  new GatehouseError('GH-VAULT-007', 'Another process is writing the secret store.', {
    status: 503,
    retryAfter: 5,
  });
