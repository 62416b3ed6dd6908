import { readdirSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from './config/index.ts';

/** A file is written in several steps, and several files are changed together: what follows within this time is one change. */
const quietMs = 300;
/** Where a system cannot watch, or has no watch left. */
const retryMs = 30_000;

/**
 * Tells when something in a folder or below it changed, once it is quiet again. Each folder is watched by itself: Node's
 * recursive watch on Linux follows files, and loses one that another took the name of.
 * @param folder the outermost one
 * @param changed may read the files; what it finds half written it will be told of again
 * @returns ends the watch
 */
export function watchFolder(folder: string, changed: () => void, log: Pick<Logger, 'warn'>): () => void {
  const watchers: FSWatcher[] = [];
  let next: NodeJS.Timeout | undefined;
  const after = (ms: number): void => {
    clearTimeout(next);
    next = setTimeout(() => {
      // First, so that what changes from here on is told as the next change; a folder may have been replaced.
      rewatch();
      changed();
    }, ms);
  };
  const failed = (error: unknown): void => {
    log.warn({ err: error, folder }, 'the policy files cannot be watched; they are read again now and then');
    after(retryMs);
  };
  const unwatch = (): void => {
    for (const watcher of watchers.splice(0)) watcher.close();
  };
  const rewatch = (): void => {
    unwatch();
    try {
      for (const path of foldersIn(folder))
        watchers.push(watch(path, () => after(quietMs)).on('error', failed));
    } catch (error) {
      failed(error);
    }
  };
  rewatch();
  return () => {
    clearTimeout(next);
    unwatch();
  };
}

function foldersIn(folder: string): string[] {
  const inner = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) =>
    entry.isDirectory(),
  );
  return [folder, ...inner.map((entry) => join(entry.parentPath, entry.name))];
}
