import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import type { Head } from './chain.ts';

const HeadSchema = z.strictObject({
  position: z.number().int().positive(),
  hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  sealedAt: z.iso.datetime(),
});

/**
 * Reads a heads file. A last line without its newline is the trace of a crash in the middle of an append; it attests
 * nothing yet and is left out.
 * @returns the heads in file order, none when there is no such file
 * @throws GatehouseError `GH-AUDIT-003` naming the first line that is not a head, or goes backwards
 */
export async function readHeads(file: string): Promise<Head[]> {
  return (await parse(file)).heads;
}

async function parse(file: string): Promise<{ heads: Head[]; bytes: number; whole: number }> {
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { heads: [], bytes: 0, whole: 0 };
    throw error;
  }
  const whole = content.lastIndexOf(0x0a) + 1;
  const heads: Head[] = [];
  for (const line of content.subarray(0, whole).toString('utf8').split('\n').slice(0, -1)) {
    const head = parseHead(line);
    if (head === undefined || head.position <= (heads.at(-1)?.position ?? 0)) {
      throw new GatehouseError(
        'GH-AUDIT-003',
        `Line ${heads.length + 1} of the heads file ${file} is damaged.`,
        {
          status: 500,
          next: 'Put the file back from a backup; it proves which receipts existed.',
        },
      );
    }
    heads.push(head);
  }
  return { heads, bytes: content.length, whole };
}

/** @returns undefined for a line that is no head */
export function parseHead(line: string): Head | undefined {
  try {
    return HeadSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** The heads file, opened by the one process that appends to it. */
export class HeadsFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads the heads and cuts off what a crash left half-written, so that the next append starts a line. */
  async recover(): Promise<Head[]> {
    await mkdir(dirname(this.#file), { recursive: true });
    const { heads, bytes, whole } = await parse(this.#file);
    if (bytes > whole) await truncate(this.#file, whole);
    return heads;
  }

  /** Appends a head. @returns once the disk has it */
  async append(head: Head): Promise<void> {
    const handle = await open(this.#file, 'a', 0o600);
    try {
      await handle.write(`${JSON.stringify(head)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
