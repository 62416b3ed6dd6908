import { recordReceipts } from '../audit/index.ts';
import type { Catalogue, Tool } from '../catalogue/index.ts';
import { GatehouseError, type Logger } from '../config/index.ts';
import { transaction, type Pool } from '../db/index.ts';
import { digest, uuidv7 } from '../envelope/index.ts';
import type { Policy, Preview, PreviewCall, TakePreview } from '../policy/index.ts';
import type { Leases } from '../vault/index.ts';
import { createDryRuns, type FileFolders } from './connectors/index.ts';
import { withLoan } from './loan.ts';
import type { DryRun } from './types.ts';

/**
 * Makes the dry runs of calls. Each borrows the secret of its tool like a call of its own, and leaves the receipt of that
 * and one of what it found; a kill switch that would stop the call stops its dry run too.
 * @returns never throws for what a system of record does: that becomes `missing` or `unavailable`
 */
export function createPreviews(deps: {
  pool: Pool;
  catalogue: Pick<Catalogue, 'get'>;
  leases: Leases;
  policy: Pick<Policy, 'killSwitchOn'>;
  log: Logger;
  /** Where the files tools may work; without it they have no folder. */
  files?: FileFolders;
}): TakePreview {
  const dryRuns = createDryRuns(deps.files);
  return async (call) => {
    const tool = deps.catalogue.get(call.tool);
    const declared = tool?.preview;
    if (!declared) return told('none', 'This tool has no preview.');
    if ('none' in declared) return told('none', `No preview: ${declared.none}`);
    const dryRun = dryRuns[tool.connector.kind];
    if (!dryRun) return told('none', 'This tool has no preview.');
    const secret = dryRun.secretFor?.(tool);
    if (await deps.policy.killSwitchOn(call.decisionId))
      return told('unavailable', 'A kill switch is on, so nothing is looked up.');
    const id = `prv_${uuidv7()}`;
    const { messageId, decisionId } = call;
    const target = { tool: tool.name };
    const lease =
      secret === undefined
        ? null
        : await transaction(deps.pool, (tx) =>
            deps.leases.open(tx, { attemptId: id, messageId, secret, target }),
          );
    const preview = await run(deps, dryRun, tool, { ...call, id }, (work) =>
      withLoan(deps.leases, { lease }, target, work),
    );
    await transaction(deps.pool, (tx) => {
      if (lease) deps.leases.end(tx, lease);
      const facts = { preview: id, tool: tool.name, state: preview.state, found: digest(preview.facts) };
      recordReceipts(tx, [{ kind: 'preview', messageId, decisionId, facts }]);
    });
    return preview;
  };
}

async function run(
  deps: Parameters<typeof createPreviews>[0],
  dryRun: DryRun,
  tool: Tool,
  call: PreviewCall & { id: string },
  lent: (work: (secret: string | undefined) => ReturnType<DryRun['run']>) => ReturnType<DryRun['run']>,
): Promise<Preview> {
  try {
    const found = await lent((secret) =>
      dryRun.run({ attempt: call.id, tool, args: call.args, caller: call, secret }),
    );
    if ('missing' in found) return told('missing', found.missing);
    return { state: 'shown', text: null, facts: found.facts, at: now() };
  } catch (error) {
    // Such errors can quote arguments, so only their kind is logged.
    const kind = error instanceof Error ? error.name : typeof error;
    deps.log.warn({ tool: tool.name, decision: call.decisionId, kind }, 'a preview could not be taken');
    return error instanceof GatehouseError ? told('unavailable', error.message) : stoppedAnswering();
  }
}

const now = (): string => new Date().toISOString();
const told = (state: Preview['state'], text: string): Preview => ({ state, text, facts: [], at: now() });
const stoppedAnswering = (): Preview => told('unavailable', 'The system of record stopped answering.');
