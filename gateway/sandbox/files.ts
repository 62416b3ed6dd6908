import { unpackTar } from 'modern-tar';
import { GatehouseError } from '../config/index.ts';
import { bounds, WorkPath, type Artefact } from './contract.ts';

/** What the tar of a few files may weigh: their content, a header and padding each, the end. */
const tarBytes = (content: number, entries: number): number => content + entries * 1024 + 10_240;
export const mostTarBytes = tarBytes(bounds.filesBytes, bounds.files);
export const mostArtefactTarBytes = tarBytes(bounds.artefactsBytes, bounds.artefacts);

const blockBytes = 512;
const noBytes = Buffer.alloc(2 * blockBytes);
/** What each header of ours has after name, mode, user, group, size, time, checksum and type: no link, the format. */
const magic = 'ustar\u000000';

/**
 * The header of a plain file (POSIX.1-1988, ustar): the only one that is written, and the only one that is taken.
 * @throws GatehouseError `GH-SANDBOX-010` where the name has no room
 */
function headerOf(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw tooLong();
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  block.write(name);
  block.write(
    `0000644\u00000000000\u00000000000\u0000${octal(size, 11)}\u0000${octal(0, 11)}\u0000        0`,
    100,
    'latin1',
  );
  block.write(magic, 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${octal(sum, 6)}\u0000 `, 148, 'latin1');
  return block;
}

/**
 * The files as the parts of one tar, their content not copied; nothing at all where there are none.
 * @throws GatehouseError `GH-SANDBOX-010` for a path of more than 100 bytes
 */
export function packFiles(files: { path: string; content: Uint8Array }[]): Uint8Array[] {
  if (files.length === 0) return [];
  const parts = files.flatMap(({ path, content }) => [
    headerOf(path, content.byteLength),
    content,
    noBytes.subarray(0, -content.byteLength & (blockBytes - 1)),
  ]);
  return [...parts, noBytes];
}

/** Looks through a tar of files for a work folder while it comes. Only what `packFiles` makes is taken. */
export class FilesCheck {
  readonly #block = Buffer.alloc(blockBytes);
  /** How much of the block is there, and how much content comes before the next one. */
  #have = 0;
  #skip = 0;
  #count = 0;
  #bytes = 0;
  #ended = false;
  #problem: GatehouseError | undefined;

  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#problem;) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
      const copied = chunk.copy(this.#block, this.#have, at);
      this.#have += copied;
      at += copied;
      if (this.#have < blockBytes) continue;
      this.#have = 0;
      this.#problem = this.#next();
    }
  }

  /**
   * Says what is wrong, once all was written.
   * @throws GatehouseError `GH-SANDBOX-010` a path that leaves the folder, `-011` no plain file, `-012` too many, `-013` too
   * large, `-014` no tar
   */
  end(): void {
    const whole = this.#ended || this.#count + this.#have === 0;
    if (this.#problem) throw this.#problem;
    if (!whole || this.#have > 0 || this.#skip > 0) throw noTar();
  }

  /** Looks at one block that is a header, or at the end nothing. */
  #next(): GatehouseError | undefined {
    const block = this.#block;
    this.#ended ||= block[0] === 0;
    if (this.#ended) return block.equals(noBytes.subarray(blockBytes)) ? undefined : noTar();
    if (block.toString('latin1', 257, 265) !== magic) return noTar();
    const [name = ''] = block.toString('utf8', 0, 100).split('\0', 1);
    const size = parseInt(block.toString('latin1', 124, 135), 8);
    const type = block.toString('latin1', 156, 157);
    this.#count += 1;
    this.#bytes += size;
    this.#skip = Math.ceil(size / blockBytes) * blockBytes;
    if (this.#count > bounds.files) return refusal('012', `There are more than ${bounds.files} files.`);
    if (type === 'x') return tooLong();
    if (type !== '0')
      return refusal('011', 'An entry is no plain file: links, devices and folders are refused.');
    const path = WorkPath.safeParse(name);
    if (!path.success)
      return refusal('010', `The path of a file is refused: ${path.error.issues[0]?.message ?? ''}.`);
    if (this.#bytes > bounds.filesBytes)
      return refusal('013', `The files have more than ${bounds.filesBytes} bytes.`);
    return block.equals(headerOf(name, size)) ? undefined : noTar();
  }
}

const noTar = (): GatehouseError => refusal('014', 'The files are not a readable tar.');
const tooLong = (): GatehouseError => refusal('010', 'The path of a file is refused: longer than 100 bytes.');

function refusal(number: string, text: string): GatehouseError {
  const next = 'Send plain files by short relative paths; docs/sandbox.md has the bounds.';
  return new GatehouseError(`GH-SANDBOX-${number}`, text, { field: 'files', next });
}

/**
 * What a container sent for the paths that were declared. It is untrusted: other entries are dropped.
 * @param tar 'too_large' where it went over its bound and was cut
 */
export async function readArtefacts(
  paths: readonly string[],
  tar: Uint8Array | 'too_large',
): Promise<Artefact[]> {
  const entries =
    tar === 'too_large' || tar.byteLength === 0 ? [] : await unpackTar(tar).catch(() => 'broken' as const);
  return paths.map((path): Artefact => {
    const refused = (why: Artefact['refused']): Artefact => ({ path, content: null, refused: why });
    if (tar === 'too_large') return refused('too_large');
    if (entries === 'broken') return refused('missing');
    const entry = entries.find(({ header }) => header.name.replace(/\/$/, '') === path);
    if (!entry) return refused('missing');
    const { type } = entry.header;
    if (type === 'symlink' || type === 'link') return refused('link');
    if (type !== 'file' || !entry.data) return refused('not_a_file');
    if (entry.data.byteLength !== entry.header.size) return refused('missing');
    return { path, content: Buffer.from(entry.data).toString('base64'), refused: null };
  });
}
