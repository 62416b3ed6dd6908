import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatehouseError } from '../config/index.ts';

/**
 * A counter kept outside Postgres and part of every decision and grant. A restored or promoted database carries the
 * questions and grants of the past; a bump voids all of them.
 */
export interface Epoch {
  current(): number;
  /** Voids every grant that was not used and every question that was not answered yet. @returns the new epoch */
  bump(): number;
}

/**
 * Opens the counter, made at the first start. It starts at the time in seconds, so that a lost file is itself a bump.
 * @param dataDir folder outside the database
 * @throws GatehouseError `GH-POLICY-022` for a file that is not a counter
 */
export function openEpoch(dataDir: string): Epoch {
  const path = join(dataDir, 'epoch');
  const write = (value: number): number => {
    mkdirSync(dataDir, { recursive: true });
    // Of this process alone: two gateways may start for the first time at once.
    const next = `${path}.${process.pid}.new`;
    writeFileSync(next, `${value}\n`, { mode: 0o600, flush: true });
    renameSync(next, path);
    return value;
  };
  const first = (): number => write(Math.floor(Date.now() / 1000));
  if (read(path) === null) first();
  // Looked at before it is read, so that what another gateway writes meanwhile is noticed.
  let seen = inode(path);
  let current = read(path) ?? first();
  /** A bump by another process replaces the file. */
  const now = (): number => {
    const there = inode(path);
    if (there !== seen) {
      current = Math.max(current, read(path) ?? current);
      seen = there;
    }
    return current;
  };
  return {
    current: now,
    bump: () => (current = write(Math.max(now() + 1, Math.floor(Date.now() / 1000)))),
  };
}

const inode = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.ino} ${found.mtimeMs}` : '';
};

function read(path: string): number | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (!/^[1-9][0-9]{0,15}$/.test(text)) {
    throw new GatehouseError('GH-POLICY-022', `${path} does not hold a counter.`, {
      status: 500,
      next: 'Delete the file; a new one is made, and every unused grant is void.',
    });
  }
  return Number(text);
}
