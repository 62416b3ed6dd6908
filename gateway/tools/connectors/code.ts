import { GatehouseError } from '../../config/index.ts';
import type { RunRequest, Sandbox } from '../../sandbox/index.ts';
import { unwanted, type Connector } from '../types.ts';

/** Runs a snippet in the sandbox and nowhere else; without one, the call fails as `sandbox_unavailable`. */
export function createCodeConnector(sandbox: Sandbox): Connector {
  return {
    ends: true,
    async run({ tool, args, signal }) {
      const { connector } = tool;
      if (connector.kind !== 'code')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      // The catalogue's schema was checked before the decision: both are texts, the language one of its list.
      const { language, code } = args as Pick<RunRequest, 'language' | 'code'>;
      const result = await sandbox.run({ language, code, limits: connector.limits }, signal);
      if (signal.reason === unwanted && result.status !== 'ok') {
        const text = 'It was stopped, and its container with it.';
        return { status: 'failed', reasons: [{ code: 'stopped', text }] };
      }
      if (result.status === 'ok') return { status: 'succeeded', result };
      const text = result.reason?.text ?? `The code ended as ${result.status}.`;
      return { status: 'failed', result, reasons: [{ code: result.status, text }] };
    },
  };
}
