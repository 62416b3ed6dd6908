import { GatehouseError } from '../../config/index.ts';
import type { RunRequest, Sandbox } from '../../sandbox/index.ts';
import type { Connector } from '../types.ts';
import { egressOf, secretOf } from './code-egress.ts';

/** Runs a snippet in the sandbox and nowhere else; without one, the call fails as `sandbox_unavailable`. */
export function createCodeConnector(sandbox: Sandbox): Connector {
  return {
    secretFor: (tool, args) => secretOf(tool, args)?.name,
    async run({ tool, args, signal, secret }) {
      const { connector } = tool;
      if (connector.kind !== 'code')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      // The catalogue's schema was checked before the decision: both are texts, the language one of its list.
      const { language, code } = args as Pick<RunRequest, 'language' | 'code'>;
      const result = await sandbox.run(
        { language, code, limits: connector.limits, egress: egressOf(tool, args, secret) },
        signal,
      );
      const uses = result.egress;
      if (result.status === 'ok') return { status: 'succeeded', result, uses };
      const text = result.reason?.text ?? `The code ended as ${result.status}.`;
      return { status: 'failed', result, uses, reasons: [{ code: result.status, text }] };
    },
  };
}
