import { createTarPacker, unpackTar } from 'modern-tar';
import { GatehouseError } from '../config/index.ts';
import { bounds, WorkPath, type Artefact } from './contract.ts';

/** What the tar of a few files may weigh: their content, a header and padding each, the end. */
const tarBytes = (content: number, entries: number): number => content + entries * 1024 + 10_240;
export const mostTarBytes = tarBytes(bounds.filesBytes, bounds.files);
export const mostArtefactTarBytes = tarBytes(bounds.artefactsBytes, bounds.artefacts);

/** The files as the parts of one tar, their content not copied; nothing at all where there are none. */
export async function packFiles(files: { path: string; content: Uint8Array }[]): Promise<Uint8Array[]> {
  if (files.length === 0) return [];
  const { readable, controller } = createTarPacker();
  const parts: Uint8Array[] = [];
  const packed = (async () => {
    for await (const part of readable) parts.push(part);
  })();
  for (const { path, content } of files) {
    const header = { type: 'file', mode: 0o644, mtime: new Date(0) } as const;
    const entry = controller.add({ name: path, size: content.byteLength, ...header }).getWriter();
    if (content.byteLength > 0) await entry.write(content);
    await entry.close();
  }
  controller.finalize();
  await packed;
  return parts;
}

/**
 * Looks through a tar of files for a work folder.
 * @throws GatehouseError `GH-SANDBOX-010` a path that leaves the folder, `-011` no plain file, `-012` too many, `-013` too
 * large, `-014` no tar
 */
export async function checkFiles(tar: Uint8Array): Promise<void> {
  if (tar.byteLength === 0) return;
  let [count, bytes] = [0, 0];
  const check = (name: string, type: string | undefined, size: number): void => {
    count += 1;
    bytes += size;
    if (count > bounds.files) throw refusal('012', `There are more than ${bounds.files} files.`);
    if (bytes > bounds.filesBytes)
      throw refusal('013', `The files have more than ${bounds.filesBytes} bytes.`);
    if (type !== 'file')
      throw refusal('011', 'An entry is no plain file: links, devices and folders are refused.');
    const path = WorkPath.safeParse(name);
    if (!path.success)
      throw refusal('010', `The path of a file is refused: ${path.error.issues[0]?.message ?? ''}.`);
  };
  try {
    await unpackTar(tar, {
      strict: true,
      filter: ({ name, type, size, pax }) => {
        if (pax !== undefined) throw refusal('010', 'The path of a file is refused: longer than 100 bytes.');
        check(name, type, size);
        return false;
      },
    });
  } catch (error) {
    if (error instanceof GatehouseError) throw error;
    throw refusal('014', 'The files are not a readable tar.');
  }
}

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
