import { mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const limit = 10 * 1024 * 1024;

/**
 * Opens a log file for appending, readable by its owner only. A file over 10 MB is put aside first, so that at most
 * two generations lie on the disk.
 * @returns a file descriptor to hand to a child process
 */
export function appendLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > limit) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}
