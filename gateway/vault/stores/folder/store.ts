import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal } from '../refusals.ts';
import type { Store } from '../store.ts';

const mostBytes = 1_048_576;

/**
 * Files that Docker (`/run/secrets`) or Kubernetes mounts. They are read at each use, so that a secret that the platform
 * renews is used at once; their versions are the platform's, here there is only the current one.
 * @param name of the store in secrets.yaml
 */
export function createFolderStore(name: string, folder: string): Store<{ file: string }> {
  const read = async (file: string): Promise<{ text: string; at: Date } | undefined> => {
    let handle;
    try {
      // Kubernetes makes links, and replaces the folder behind them whole.
      handle = await open(join(folder, file));
      const entry = await handle.stat();
      if (!entry.isFile() || entry.size > mostBytes) throw refusal(name, 'odd');
      const bytes = await handle.readFile();
      const text = bytes.toString('utf8').replace(/\r?\n$/, '');
      bytes.fill(0);
      return { text, at: entry.mtime };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      if (code === 'EACCES' || code === 'EPERM') throw refusal(name, 'denied', error);
      if (code?.startsWith('GH-')) throw error;
      throw refusal(name, 'gone', error);
    } finally {
      await handle?.close();
    }
  };
  const check = async (): Promise<void> => {
    await readdir(folder).catch((error: unknown) => {
      throw refusal(name, 'gone', error);
    });
  };
  return {
    async read({ file }, version) {
      const found = version === undefined || version === 1 ? await read(file) : undefined;
      // A folder that is gone must not look like a secret that was never set.
      if (!found) await check();
      return found?.text;
    },
    async describe({ file }) {
      const found = await read(file);
      return found && { version: 1, updatedAt: found.at.toISOString() };
    },
    check,
  };
}
