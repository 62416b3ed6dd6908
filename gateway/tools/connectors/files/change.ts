import { unlink } from 'node:fs/promises';
import { readContent, replaceContent, sha256, type Content } from './content.ts';
import { within, type FileFolders, type Folder } from './folder.ts';
import { besides, locked } from './lock.ts';
import { refused } from './refused.ts';
import { versionsOf, type Versions } from './versions.ts';

/** Which file a call changes, and how. */
export interface Target {
  folders: FileFolders;
  root: string | undefined;
  /** Its checked segments, at least one. */
  segments: readonly string[];
  maxBytes: number;
  versions: number;
  attempt: string;
}

/** A change that was made, or that was made before by the same call. */
export interface Changed {
  path: string;
  /** Of what it holds now; null for a file that is gone. */
  sha256: string | null;
  /** The version that holds what was there before; null where nothing was. */
  replaced: number | null;
}

/**
 * Gives a file another content.
 * @param replaces the SHA-256 of what it holds; undefined where there may be no file yet
 * @throws GatehouseError `GH-TOOLS-065` where it holds something else
 */
export function writeFile(target: Target, bytes: Buffer, replaces: string | undefined): Promise<Changed> {
  return changing(target, true, async (folder, name, now, versions) => {
    const path = target.segments.join('/');
    const wanted = sha256(bytes);
    // Written by an earlier try of this call, or by anybody: it is as was asked.
    if (now?.sha256 === wanted)
      return { path, sha256: wanted, replaced: await replacedBy(versions, target.attempt) };
    compare(path, now, replaces);
    const replaced = now ? await versions.keep(now, target.attempt) : null;
    await replaceContent(folder, name, besides(name).part, bytes);
    return { path, sha256: wanted, replaced };
  });
}

/** Removes a file; its content is kept as a version. @param replaces the SHA-256 of what it holds */
export function deleteFile(target: Target, replaces: string): Promise<Changed> {
  return changing(target, false, async (folder, name, now, versions) => {
    const path = target.segments.join('/');
    if (!now) {
      const before = await replacedBy(versions, target.attempt);
      if (before === null) throw refused('missing', `There is no ${path}.`);
      return { path, sha256: null, replaced: before };
    }
    compare(path, now, replaces);
    const replaced = await versions.keep(now, target.attempt);
    await unlink(folder.at(name));
    await folder.handle.sync();
    return { path, sha256: null, replaced };
  });
}

/** Gives a file the content of an earlier version; what it holds now becomes a version itself. */
export function restoreFile(target: Target, version: number): Promise<Changed> {
  return changing(target, true, async (folder, name, now, versions) => {
    const path = target.segments.join('/');
    const earlier = await versions.read(version, target.maxBytes);
    if (!earlier) throw refused('missing', `Version ${version} of ${path} is not kept.`);
    if (now?.sha256 === earlier.sha256)
      return { path, sha256: earlier.sha256, replaced: await replacedBy(versions, target.attempt) };
    const replaced = now ? await versions.keep(now, target.attempt) : null;
    await replaceContent(folder, name, besides(name).part, earlier.bytes);
    return { path, sha256: earlier.sha256, replaced };
  });
}

function changing(
  { folders, root, segments, maxBytes, versions, attempt }: Target,
  make: boolean,
  change: (folder: Folder, name: string, now: Content | null, versions: Versions) => Promise<Changed>,
): Promise<Changed> {
  const name = segments.at(-1) ?? '';
  const kept = versionsOf(folders, root, segments.join('/'), versions);
  return within(
    folders,
    root,
    segments.slice(0, -1),
    (folder) =>
      locked(folder, name, attempt, async () =>
        change(folder, name, await readContent(folder, name, maxBytes), kept),
      ),
    make,
  );
}

function compare(path: string, now: Content | null, wanted: string | undefined): void {
  if (now && wanted === undefined)
    throw refused(
      'changed',
      `${path} is there already.`,
      `Give replaces: ${now.sha256} to replace what it holds.`,
    );
  if (wanted !== undefined && now?.sha256 !== wanted.replace(/^sha256:/, ''))
    throw refused('changed', `${path} holds something else than what was decided on.`, 'Read it again.');
}

/** The version that this very call made earlier. */
const replacedBy = async (versions: Versions, attempt: string): Promise<number | null> =>
  (await versions.list()).find((version) => version.attempt === attempt)?.version ?? null;
