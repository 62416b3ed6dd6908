import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';

/** Reads a JSON file. @returns undefined when it is absent; a broken file throws */
export async function readJson<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as T;
}

/** Writes a JSON file that only its owner reads, all or nothing, also when the power fails meanwhile. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    // A full disk is not helped by what could not be finished.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** A secret of 192 random bits that needs no escaping anywhere. */
export function randomSecret(): string {
  return randomBytes(24).toString('base64url');
}
