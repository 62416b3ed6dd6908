import { constants } from 'node:fs';
import { mkdir, open, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedWith } from '../../../config/index.ts';
import { ofSystem, refused } from './refused.ts';

/** Where the files tools may work. */
export interface FileFolders {
  /** The folder of tools that name none; undefined where none is set. */
  filesDir: string | undefined;
  /** Folders that no tool may reach: policies, keys, the program. */
  reserved: readonly string[];
}

/** A folder that is held open: what it is reached by stays the same whatever its path leads to meanwhile. */
export interface Folder {
  /** The path of something in it. Node has no openat(2); Linux resolves this one from the open folder. */
  at(name: string): string;
  handle: FileHandle;
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Works in a folder below the root. Each segment is opened from the one before it and follows no link, so that a link that
 * is put in its place between two looks leads nowhere.
 * @param root of the tool's file; that of the setting where it names none
 * @param make makes what is missing of `segments`
 * @throws GatehouseError `GH-TOOLS-060`, `-061`, `-063`, `-066`, `-068`
 */
export async function within<T>(
  folders: FileFolders,
  root: string | undefined,
  segments: readonly string[],
  work: (folder: Folder) => Promise<T>,
  make = false,
): Promise<T> {
  const opened: FileHandle[] = [];
  try {
    let handle = await openRoot(folders, root);
    opened.push(handle);
    const real = await realPath(handle);
    for (const segment of segments) {
      const path = `/proc/self/fd/${handle.fd}/${segment}`;
      if (make) await mkdir(path, { mode: 0o700 }).catch(ignore('EEXIST'));
      handle = await open(path, folderFlags | constants.O_NOFOLLOW);
      opened.push(handle);
    }
    // A folder that was moved out of the root while it was walked is one of somewhere else.
    if ((await realPath(handle)) !== join(real, ...segments))
      throw refused('kind', 'The folder was moved meanwhile.', 'Try again.');
    const { fd } = handle;
    return await work({ handle, at: (name) => `/proc/self/fd/${fd}/${name}` });
  } catch (error) {
    throw ofSystem(error, segments.join('/') || 'the folder of the files') ?? error;
  } finally {
    await Promise.all(opened.map((handle) => handle.close()));
  }
}

async function openRoot({ filesDir, reserved }: FileFolders, own: string | undefined): Promise<FileHandle> {
  const root = own ?? filesDir;
  if (root === undefined)
    throw refused(
      'unset',
      'No folder is set for files.',
      'Set GATEHOUSE_FILES_DIR to one, and start the gateway again.',
    );
  if (process.platform !== 'linux')
    throw refused(
      'system',
      'The files tools work on Linux only, where a folder can be held while it is worked in.',
    );
  // An administrator may name it by a link; where that leads is what is checked.
  const handle = await open(root, folderFlags);
  try {
    const shared = sharedWith(await realPath(handle), reserved);
    if (shared === null) return handle;
    const next = 'Name a folder apart from the policies, the data folder and the program.';
    throw refused('reserved', 'The folder of the files holds what no tool may reach.', next);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const realPath = (handle: FileHandle): Promise<string> => readlink(`/proc/self/fd/${handle.fd}`);

/** Swallows one error of the system. */
export const ignore =
  (wanted: string) =>
  (error: unknown): void => {
    if ((error as NodeJS.ErrnoException).code !== wanted) throw error as Error;
  };
