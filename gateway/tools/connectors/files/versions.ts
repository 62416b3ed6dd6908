import { createHash } from 'node:crypto';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { GatehouseError } from '../../../config/index.ts';
import { readContent, replaceContent, type Content } from './content.ts';
import { ignore, within, type FileFolders, type Folder } from './folder.ts';

/** An earlier content of a file. */
export interface Version {
  version: number;
  sha256: string;
  /** The call that took its place. */
  attempt: string;
  bytes: number;
  /** When it was replaced, RFC 3339. */
  replacedAt: string;
}

const form = /^(\d{8})-([0-9a-f]{64})-([A-Za-z0-9_-]{1,80})$/;

/** The earlier contents of one file. They lie below the root in a folder with a dot, which no call can name. */
export interface Versions {
  list(): Promise<Version[]>;
  /** Keeps a content, unless this call has kept it before. @returns its number */
  keep(content: Content, attempt: string): Promise<number>;
  /** @returns null where there is no such version (any more) */
  read(version: number, maxBytes: number): Promise<Content | null>;
}

/**
 * @param path as the call names it
 * @param most how many are kept; the oldest goes first
 */
export function versionsOf(
  folders: FileFolders,
  root: string | undefined,
  path: string,
  most: number,
): Versions {
  const place = ['.gatehouse', createHash('sha256').update(path).digest('hex').slice(0, 32)];
  const inPlace = <T>(work: (folder: Folder) => Promise<T>, make = false): Promise<T> =>
    within(folders, root, place, work, make);
  // Nothing of the file was ever kept.
  const nothing = (error: unknown): null => {
    if (error instanceof GatehouseError && error.code === 'GH-TOOLS-066') return null;
    throw error;
  };
  return {
    list: async () =>
      (await inPlace(async (folder) =>
        Promise.all((await names(folder)).map((name) => described(folder, name))),
      ).catch(nothing)) ?? [],
    keep: (content, attempt) =>
      inPlace(async (folder) => {
        const known = await names(folder);
        const last = parsed(known.at(-1));
        if (last?.attempt === attempt) return last.version;
        const version = (last?.version ?? 0) + 1;
        const name = `${String(version).padStart(8, '0')}-${content.sha256}-${attempt}`;
        await replaceContent(folder, name, '.part', content.bytes);
        for (const old of known.slice(0, Math.max(0, known.length + 1 - most)))
          await unlink(folder.at(old)).catch(ignore('ENOENT'));
        return version;
      }, true),
    read: (version, maxBytes) =>
      inPlace(async (folder) => {
        const name = (await names(folder)).find((name) => parsed(name)?.version === version);
        return name === undefined ? null : readContent(folder, name, maxBytes);
      }).catch(nothing),
  };
}

async function names(folder: Folder): Promise<string[]> {
  return (await readdir(folder.at('.'))).filter((name) => form.test(name)).sort();
}

function parsed(name: string | undefined): Pick<Version, 'version' | 'sha256' | 'attempt'> | null {
  const match = name === undefined ? null : form.exec(name);
  return match && { version: Number(match[1]), sha256: match[2] ?? '', attempt: match[3] ?? '' };
}

async function described(folder: Folder, name: string): Promise<Version> {
  const { size, mtime } = await lstat(folder.at(name));
  const { version, sha256, attempt } = parsed(name) ?? { version: 0, sha256: '', attempt: '' };
  return { version, sha256, attempt, bytes: size, replacedAt: mtime.toISOString() };
}
