import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import type { Folder } from './folder.ts';
import { refused } from './refused.ts';

/** What a file holds. */
export interface Content {
  bytes: Buffer;
  /** Hexadecimal. */
  sha256: string;
  modified: Date;
}

const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Reads a plain file with one name. One with several (hard links) may be somebody else's, made visible here.
 * @returns null where there is none
 * @throws GatehouseError `GH-TOOLS-063` for a link, a pipe or a device, `GH-TOOLS-064` for more than `maxBytes`
 */
export async function readContent(folder: Folder, name: string, maxBytes: number): Promise<Content | null> {
  try {
    // Looked at before it is opened: some devices do something when they are.
    if (!(await lstat(folder.at(name))).isFile()) throw notPlain(name);
    const handle = await open(folder.at(name), readFlags);
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.nlink > 1) throw notPlain(name);
      if (stat.size > maxBytes) throw tooLarge(name, maxBytes);
      const bytes = Buffer.alloc(stat.size + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read)
        read = (await handle.read(bytes, length, bytes.length - length)).bytesRead;
      if (length !== stat.size) throw refused('busy', `${name} changed while it was read.`, 'Try again.');
      const content = bytes.subarray(0, length);
      return { bytes: content, sha256: sha256(content), modified: stat.mtime };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Puts a file in place whole: what was there is there until the new one is on the disk. */
export async function replaceContent(
  folder: Folder,
  name: string,
  part: string,
  bytes: Buffer,
): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const handle = await open(folder.at(part), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(folder.at(part), folder.at(name));
  await folder.handle.sync();
}

const notPlain = (name: string) => refused('kind', `${name} is no plain file, or has several names.`);

export const tooLarge = (name: string, maxBytes: number) =>
  refused('size', `${name} has more than the ${maxBytes} bytes that the tool takes.`);
