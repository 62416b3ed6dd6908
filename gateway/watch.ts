import { watch, type FSWatcher } from 'node:fs';
import type { Logger } from './config/index.ts';

/** A file is written in several steps, and several files are changed together: what follows within this time is one change. */
const quietMs = 300;

/**
 * Tells when something below a folder changed, once it is quiet again.
 * @param folder watched with all that is in it
 * @param changed may read the files; what it finds half written it will be told of again
 * @returns ends the watch
 */
export function watchFolder(folder: string, changed: () => void, log: Pick<Logger, 'warn'>): () => void {
  let quiet: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  // Where a system cannot watch, or has no watch left, the files are still read again on SIGHUP.
  const failed = (error: unknown): void =>
    log.warn({ err: error, folder }, 'the policy files are not watched; send SIGHUP after a change');
  try {
    watcher = watch(folder, { recursive: true }, () => {
      clearTimeout(quiet);
      quiet = setTimeout(changed, quietMs);
    });
    watcher.on('error', failed);
  } catch (error) {
    failed(error);
  }
  return () => {
    clearTimeout(quiet);
    watcher?.close();
  };
}
