import { lstat, readdir } from 'node:fs/promises';
import type { Connector as Declared } from '../../../catalogue/index.ts';
import { GatehouseError } from '../../../config/index.ts';
import type { Connector, ConnectorCall } from '../../types.ts';
import { contentOf, type FilesArgs } from './args.ts';
import { deleteFile, restoreFile, writeFile, type Target } from './change.ts';
import { readContent, type Content } from './content.ts';
import { within, type FileFolders } from './folder.ts';
import { isName, segmentsOf } from './names.ts';
import { refused } from './refused.ts';
import { versionsOf } from './versions.ts';

export { createFilesDryRun } from './dry-run.ts';
export type { FileFolders } from './folder.ts';

const mostEntries = 500;

/** Reads, lists and changes files below one folder, and nowhere else. */
export function createFilesConnector(folders: FileFolders): Connector {
  return {
    async run(call) {
      const { connector } = call.tool;
      if (connector.kind !== 'files')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      return { status: 'succeeded', result: await act(folders, connector, call) };
    },
  };
}

async function act(
  folders: FileFolders,
  connector: Extract<Declared, { kind: 'files' }>,
  call: ConnectorCall,
): Promise<unknown> {
  const args = call.args as FilesArgs;
  const { action, root, maxBytes } = connector;
  if (action === 'list') return list(folders, root, args.folder ?? '');
  const segments = segmentsOf(args.path);
  const path = segments.join('/');
  const target: Target = {
    folders,
    root,
    segments,
    maxBytes,
    versions: connector.versions,
    attempt: call.attempt,
  };
  switch (action) {
    case 'read':
      return described(path, await readFile(folders, root, segments, maxBytes));
    case 'write':
      return writeFile(target, contentOf(args, maxBytes), args.replaces);
    case 'delete':
      return deleteFile(target, args.sha256 ?? '');
    case 'restore':
      return restoreFile(target, args.version ?? 0);
    case 'history': {
      const versions = await versionsOf(folders, root, path, connector.versions).list();
      return { path, versions: versions.map(({ attempt: _attempt, ...version }) => version).reverse() };
    }
  }
}

/** @throws GatehouseError `GH-TOOLS-066` where there is none */
export async function readFile(
  folders: FileFolders,
  root: string | undefined,
  segments: readonly string[],
  maxBytes: number,
): Promise<Content> {
  const name = segments.at(-1) ?? '';
  const content = await within(folders, root, segments.slice(0, -1), (folder) =>
    readContent(folder, name, maxBytes),
  );
  if (!content) throw refused('missing', `There is no ${segments.join('/')}.`);
  return content;
}

/**
 * Reads exactly the content that was decided on.
 * @param sha256 in hexadecimal, with or without `sha256:`
 * @throws GatehouseError `GH-TOOLS-065` where the file holds something else by now
 */
export async function readPinned(
  folders: FileFolders,
  root: string | undefined,
  file: { path: string; sha256: string },
  maxBytes: number,
): Promise<Buffer> {
  const found = await readFile(folders, root, segmentsOf(file.path), maxBytes);
  if (found.sha256 !== file.sha256.replace(/^sha256:/, ''))
    throw refused('changed', `${file.path} holds something else than what was decided on.`, 'Read it again.');
  return found.bytes;
}

/** Text where it is some, Base64 for everything else. */
function described(path: string, { bytes, sha256, modified }: Content): unknown {
  const about = { path, sha256, bytes: bytes.length, modified: modified.toISOString() };
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return { ...about, text };
  } catch {
    // Not UTF-8.
  }
  return { ...about, base64: bytes.toString('base64') };
}

/** What can be named is listed; links, special files and names with a dot are counted. */
async function list(folders: FileFolders, root: string | undefined, path: string): Promise<unknown> {
  return within(folders, root, segmentsOf(path, true), async (folder) => {
    const names = (await readdir(folder.at('.'))).sort();
    const entries: { name: string; type: 'file' | 'folder'; bytes?: number; modified: string }[] = [];
    let hidden = 0;
    for (const name of names) {
      const stat =
        isName(name) && entries.length < mostEntries ? await lstat(folder.at(name)).catch(() => null) : null;
      if (stat?.isFile())
        entries.push({ name, type: 'file', bytes: stat.size, modified: stat.mtime.toISOString() });
      else if (stat?.isDirectory())
        entries.push({ name, type: 'folder', modified: stat.mtime.toISOString() });
      else hidden += 1;
    }
    return { folder: path, entries, hidden, count: entries.length };
  });
}
