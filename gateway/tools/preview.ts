import { recordReceipts } from '../audit/index.ts';
import type { Catalogue, PreviewStatement, Tool } from '../catalogue/index.ts';
import { GatehouseError, type Logger } from '../config/index.ts';
import { transaction, type Pool } from '../db/index.ts';
import { digest, uuidv7 } from '../envelope/index.ts';
import type { Policy, Preview, PreviewCall, PreviewFact, TakePreview } from '../policy/index.ts';
import type { Leases } from '../vault/index.ts';
import { Connections, lookUp } from './connectors/postgres.ts';

/** Nobody waits longer for a card than this, whatever the tool's own limit is. */
const longestSeconds = 10;

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
}): TakePreview {
  const connections = new Connections();
  return async (call) => {
    const tool = deps.catalogue.get(call.tool);
    const declared = tool?.preview;
    if (!declared) return told('none', 'This tool has no preview.');
    if ('none' in declared) return told('none', `No preview: ${declared.none}`);
    const { secret } = tool;
    if (secret === undefined) return told('unavailable', 'The tool names no connection secret.');
    if (await deps.policy.killSwitchOn(call.decisionId))
      return told('unavailable', 'A kill switch is on, so nothing is looked up.');
    const id = `prv_${uuidv7()}`;
    const { messageId, decisionId } = call;
    const target = { tool: tool.name };
    const lease = await transaction(deps.pool, (tx) =>
      deps.leases.open(tx, { attemptId: id, messageId, secret, target }),
    );
    const preview = await run(deps, connections, tool, declared, call, () => deps.leases.lend(lease, target));
    await transaction(deps.pool, (tx) => {
      deps.leases.end(tx, lease);
      const facts = { preview: id, tool: tool.name, state: preview.state, found: digest(preview.facts) };
      recordReceipts(tx, [{ kind: 'preview', messageId, decisionId, facts }]);
    });
    return preview;
  };
}

async function run(
  deps: Parameters<typeof createPreviews>[0],
  connections: Connections,
  tool: Tool,
  declared: PreviewStatement,
  call: PreviewCall,
  lend: () => ReturnType<Leases['lend']>,
): Promise<Preview> {
  try {
    const seconds = Math.min(tool.timeoutSeconds, longestSeconds);
    const lent = await lend();
    const found = lookUp(connections.to(lent.value, seconds), declared, { args: call.args, caller: call });
    const [row, another] = await found.finally(() => lent.giveBack());
    if (!row) return told('missing', declared.missing ?? 'There is no such record.');
    return { state: 'shown', text: null, facts: factsOf(declared, call, another ? {} : row), at: now() };
  } catch (error) {
    // Such errors can quote arguments, so only their kind is logged.
    const kind = error instanceof Error ? error.name : typeof error;
    deps.log.warn({ tool: tool.name, decision: call.decisionId, kind }, 'a preview could not be taken');
    return error instanceof GatehouseError ? told('unavailable', error.message) : stoppedAnswering();
  }
}

/** @throws GatehouseError `GH-TOOLS-030` for a row that is not what the tool's file declares */
function factsOf(
  declared: PreviewStatement,
  { args }: PreviewCall,
  row: Record<string, unknown>,
): PreviewFact[] {
  const columns = Object.entries(declared.columns);
  if (Object.keys(row).length !== columns.length) throw notAsDeclared();
  return columns.map(([column, { label, money, volatile }]) => {
    const value = row[column];
    if (!Object.hasOwn(row, column) || (typeof value === 'object' && value !== null)) throw notAsDeclared();
    const currency = money?.startsWith('args.') ? args[money.slice('args.'.length)] : money;
    return { column, label, value: shown(value, currency), bound: !volatile };
  });
}

const notAsDeclared = (): GatehouseError =>
  new GatehouseError('GH-TOOLS-030', 'Its preview does not answer with one row of the declared columns.', {
    next: 'Correct the preview in the file of the tool; cast dates to text.',
  });

function shown(value: unknown, currency: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'string' && typeof value !== 'number') return '–';
  const text = String(value);
  if (!/^-?\d{1,20}(\.\d{1,20})?$/.test(text)) return text;
  if (typeof currency === 'string') {
    const { minimumFractionDigits } = new Intl.NumberFormat('en', {
      style: 'currency',
      currency,
    }).resolvedOptions();
    return `${grouped(text, minimumFractionDigits)} ${currency}`;
  }
  // Text of digits may be an id; only what is a number is grouped.
  return typeof value === 'number' ? grouped(text, 0) : text;
}

const grouped = (text: string, digits = 2): string =>
  new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: 20 }).format(
    text as Intl.StringNumericLiteral,
  );

const now = (): string => new Date().toISOString();
const told = (state: Preview['state'], text: string): Preview => ({ state, text, facts: [], at: now() });
const stoppedAnswering = (): Preview => told('unavailable', 'The system of record stopped answering.');
