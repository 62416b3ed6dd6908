import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { GatehouseError } from '../../config/index.ts';
import { layout, type Layout } from './layout.ts';
import { readHolder } from './lock.ts';
import { endLeftovers } from './processes.ts';

/**
 * Removes all that a stack has written: databases, keys, secrets, logs, n8n's folder. The installed n8n stays in the
 * user's cache.
 * @returns the folders that were removed; none where nothing was written yet
 * @throws GatehouseError `GH-UP-007` while the stack runs, `GH-UP-009` for a folder that is not a stack's
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
  await refuseStrangers(paths);
  await endLeftovers(paths.processes).catch(() => undefined);
  // As root the databases lie elsewhere; otherwise they go with the folder.
  const apart = relative(paths.dir, paths.postgres).startsWith('..') ? [paths.postgres] : [];
  const folders = [...apart, paths.dir].filter((folder) => existsSync(folder));
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  return folders;
}

/** A mistyped --dir must not cost a home folder. */
async function refuseStrangers(paths: Layout): Promise<void> {
  const there = await readdir(paths.dir).catch(() => []);
  const ours = [paths.state, paths.processes, join(paths.dir, 'secrets.key')].map((path) => basename(path));
  if (there.length === 0 || there.some((name) => ours.includes(name))) return;
  throw new GatehouseError(
    'GH-UP-009',
    `${paths.dir} was not written by Gatehouse, so nothing was removed.`,
    {
      status: 409,
      next: 'Name the folder of a stack with --dir, or remove this one by hand.',
    },
  );
}
