import { GatehouseError } from '../../config/index.ts';
import type { RunRequest, Sandbox } from '../../sandbox/index.ts';
import { unwanted, type Connector } from '../types.ts';
import { egressOf, secretOf } from './code-egress.ts';

interface GivenFile {
  path: string;
  text?: string;
  base64?: string;
}

type Args = Pick<RunRequest, 'language' | 'code' | 'artefacts'> & { files?: GivenFile[] };

/** The bytes of a file; null where it is not said by exactly one of text and base64. */
function contentOf({ path, text, base64 }: GivenFile): { path: string; content: Buffer } | null {
  if ((text === undefined) === (base64 === undefined)) return null;
  if (text !== undefined) return { path, content: Buffer.from(text) };
  const content = Buffer.from(base64 ?? '', 'base64');
  return content.toString('base64') === base64 ? { path, content } : null;
}

/** Runs a snippet in the sandbox and nowhere else; without one, the call fails as `sandbox_unavailable`. */
export function createCodeConnector(sandbox: Sandbox): Connector {
  return {
    ends: true,
    secretFor: (tool, args) => secretOf(tool, args)?.name,
    async run({ tool, args, signal, secret }) {
      const { connector } = tool;
      if (connector.kind !== 'code')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      // The catalogue's schema was checked before the decision; the runner checks paths and sizes again.
      const { language, code, artefacts, files = [] } = args as Args;
      const contents = files.map(contentOf);
      if (contents.some((file) => file === null)) {
        const text = 'A file needs either its text or its base64.';
        return { status: 'failed', result: null, reasons: [{ code: 'args_invalid', text }] };
      }
      const given = contents.filter((file) => file !== null);
      const egress = egressOf(tool, args, secret);
      const result = await sandbox.run(
        {
          ...{ language, code, files: given, limits: connector.limits, egress },
          ...(artefacts ? { artefacts } : {}),
        },
        signal,
      );
      const uses = result.egress;
      if (signal.reason === unwanted && result.status !== 'ok') {
        const text = 'It was stopped, and its container with it.';
        // What it sent before that may have had an effect.
        const status = egress ? 'unknown' : 'failed';
        return { status, uses, reasons: [{ code: 'stopped', text }] };
      }
      if (result.status === 'ok') return { status: 'succeeded', result, uses };
      const text = result.reason?.text ?? `The code ended as ${result.status}.`;
      return { status: 'failed', result, uses, reasons: [{ code: result.status, text }] };
    },
  };
}
