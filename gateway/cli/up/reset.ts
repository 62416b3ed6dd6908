import { rm } from 'node:fs/promises';
import { GatehouseError } from '../../config/index.ts';
import { layout } from './layout.ts';
import { readHolder } from './lock.ts';
import { endLeftovers } from './processes.ts';

/**
 * Removes all that a stack has written: databases, keys, secrets, logs, n8n's folder. The installed n8n stays in the
 * user's cache.
 * @returns the folders that were removed
 * @throws GatehouseError `GH-UP-007` while the stack runs
 */
export async function removeStack(dir: string): Promise<string[]> {
  const paths = layout(dir);
  const holder = await readHolder(paths.lock);
  if (holder) {
    throw new GatehouseError('GH-UP-007', `Gatehouse runs here: process ${holder.pid}.`, {
      status: 409,
      next: `Stop it first, with Ctrl-C or: kill ${holder.pid}`,
    });
  }
  await endLeftovers(paths.processes).catch(() => undefined);
  const folders = [...new Set([paths.postgres, paths.dir])];
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  return folders;
}
