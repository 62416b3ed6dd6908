import { GatehouseError } from '../../../config/index.ts';
import type { DryRun } from '../../types.ts';
import { fact } from '../fact.ts';
import { contentOf, type FilesArgs } from './args.ts';
import { readContent, sha256, type Content } from './content.ts';
import { within, type FileFolders } from './folder.ts';
import { segmentsOf } from './names.ts';
import { versionsOf } from './versions.ts';

/** Shows what a file holds now, and what it would hold. */
export function createFilesDryRun(folders: FileFolders): DryRun {
  return {
    async run({ tool, args: given }) {
      const { connector } = tool;
      if (connector.kind !== 'files')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      const args = given as FilesArgs;
      const { action, root, maxBytes, versions } = connector;
      const segments = segmentsOf(action === 'list' ? args.folder : args.path, action === 'list');
      const name = segments.at(-1) ?? '';
      const now = await within(folders, root, segments.slice(0, -1), (folder) =>
        readContent(folder, name, maxBytes),
      ).catch((error: unknown) => {
        // A write makes the folders that are missing.
        if (action === 'write' && error instanceof GatehouseError && error.code === 'GH-TOOLS-066')
          return null;
        throw error;
      });
      if (!now && action !== 'write' && action !== 'restore')
        return { missing: `There is no ${segments.join('/')}.` };
      const facts = [fact('now', 'Now', now ? told(now) : 'no such file')];
      if (action === 'write') {
        const bytes = contentOf(args, maxBytes);
        facts.push(fact('after', 'After', told({ bytes, sha256: sha256(bytes) })));
      }
      if (action === 'restore') {
        const version = args.version ?? 0;
        const earlier = await versionsOf(folders, root, segments.join('/'), versions).read(version, maxBytes);
        if (!earlier) return { missing: `Version ${version} of ${segments.join('/')} is not kept.` };
        facts.push(fact('after', 'After', told(earlier)));
      }
      return { facts };
    },
  };
}

const told = ({ bytes, sha256 }: Pick<Content, 'bytes' | 'sha256'>): string =>
  `${new Intl.NumberFormat('en').format(bytes.length)} bytes, SHA-256 ${sha256.slice(0, 16)}`;
