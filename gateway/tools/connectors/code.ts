import { GatehouseError } from '../../config/index.ts';
import type { Attachments } from '../../delivery/index.ts';
import type { RunRequest, Sandbox } from '../../sandbox/index.ts';
import { unwanted, type Connector, type Outcome } from '../types.ts';
import { egressOf, secretOf } from './code-egress.ts';

interface GivenFile {
  path: string;
  text?: string;
  base64?: string;
  /** Id of a file that came with a message of this conversation. */
  attachment?: string;
}

type Args = Pick<RunRequest, 'language' | 'code' | 'artefacts'> & { files?: GivenFile[] };

/** The bytes of a file, or why there are none. */
function contentOf(file: GivenFile, attached: Attached): Buffer | Outcome {
  const { text, base64, attachment } = file;
  if ([text, base64, attachment].filter((said) => said !== undefined).length !== 1)
    return refused('args_invalid', 'A file needs exactly one of its text, its base64 and an attachment.');
  if (text !== undefined) return Buffer.from(text);
  if (attachment !== undefined) {
    const found = attached.get(attachment) ?? { code: 'attachment_unknown', text: unknown };
    return Buffer.isBuffer(found) ? found : refused(found.code, found.text);
  }
  const content = Buffer.from(base64 ?? '', 'base64');
  return content.toString('base64') === base64 ? content : refused('args_invalid', 'A file is no base64.');
}

type Attached = ReadonlyMap<string, Buffer | { code: string; text: string }>;

const unknown =
  'No file of this id came with a message of this person in this conversation, or it was deleted with its message. Ask them to attach it again.';

const refused = (code: string, text: string): Outcome => ({
  status: 'failed',
  result: null,
  reasons: [{ code, text }],
});

/** Runs a snippet in the sandbox and nowhere else; without one, the call fails as `sandbox_unavailable`. */
export function createCodeConnector({
  sandbox,
  attachments,
}: {
  sandbox: Sandbox;
  attachments: Pick<Attachments, 'read'>;
}): Connector {
  return {
    ends: true,
    secretFor: (tool, args) => secretOf(tool, args)?.name,
    async run({ tool, args, caller, signal, secret }) {
      const { connector } = tool;
      if (connector.kind !== 'code')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      // The catalogue's schema was checked before the decision; the runner checks paths and sizes again.
      const { language, code, artefacts, files = [] } = args as Args;
      const asked = files.flatMap(({ attachment }) => attachment ?? []);
      const attached: Attached =
        asked.length === 0 ? new Map() : await attachments.read(caller.messageId, asked);
      const given: { path: string; content: Buffer }[] = [];
      for (const file of files) {
        const content = contentOf(file, attached);
        if (!Buffer.isBuffer(content)) return content;
        given.push({ path: file.path, content });
      }
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
