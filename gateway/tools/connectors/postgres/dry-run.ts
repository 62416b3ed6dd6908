import type pg from 'pg';
import type { PreviewStatement } from '../../../catalogue/index.ts';
import { GatehouseError } from '../../../config/index.ts';
import type { PreviewFact } from '../../../policy/index.ts';
import type { DryRun, DryRunCall, Found } from '../../types.ts';
import { counting, rowsOf } from './changes.ts';
import { Connections, lend } from './connections.ts';
import { valuesOf } from './parameters.ts';

/** Nobody waits longer for a card than this, whatever the tool's own limit is. */
const longestSeconds = 10;
const lockMs = 2000;

/**
 * The dry run of a Postgres tool: the statement of its `preview`, in a transaction that can write nothing; or the tool's own
 * statement, in one that is rolled back once its rows were counted.
 */
export function createPostgresDryRun(connections = new Connections()): DryRun {
  return {
    secretFor: ({ secret }) => secret,
    run(call) {
      const { tool, secret } = call;
      if (secret === undefined)
        throw new GatehouseError('GH-TOOLS-001', 'The tool names no connection secret.');
      const pool = connections.to(secret, Math.min(tool.timeoutSeconds, longestSeconds));
      const { preview } = tool;
      return preview && 'statement' in preview ? lookedUp(pool, preview, call) : tried(pool, call);
    },
  };
}

async function lookedUp(pool: pg.Pool, preview: PreviewStatement, call: DryRunCall): Promise<Found> {
  const statement: pg.QueryConfig & { queryMode: 'extended' } = {
    text: `select * from (${preview.statement}\n) as preview limit 2`,
    values: valuesOf(preview.parameters, call),
    // Also without parameters: the simple protocol would take a second statement, which could end the transaction.
    queryMode: 'extended',
  };
  const [row, another] = await lend(pool, async (client) => {
    await client.query('begin read only');
    const { rows } = await client.query<Record<string, unknown>>(statement);
    await client.query('rollback');
    return rows;
  });
  if (!row) return { missing: preview.missing ?? 'There is no such record.' };
  return { facts: factsOf(preview, call.args, another ? {} : row) };
}

/** Does what the call would do, counts the rows, and takes it back; whatever waits for the end of a transaction is tried too. */
async function tried(pool: pg.Pool, call: DryRunCall): Promise<Found> {
  const { connector } = call.tool;
  if (connector.kind !== 'postgres')
    throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
  const statement: pg.QueryConfig & { queryMode: 'extended' } = {
    text: connector.statement,
    values: valuesOf(connector.parameters, call),
    queryMode: 'extended',
  };
  const { rows, changes } = await lend(pool, async (client) => {
    await client.query('begin');
    // Somebody else's open transaction is not worth waiting for; the card says so then.
    await client.query(`set local lock_timeout = ${lockMs}`);
    const { done, changes } = await counting(client, async () => {
      const { rows } = await client.query<Record<string, unknown>>(statement);
      await client.query('set constraints all immediate');
      return rows;
    });
    await client.query('rollback');
    return { rows: done, changes };
  });
  if (connector.returns === 'row' && rows.length === 0)
    return { missing: connector.missing ?? 'There is no such record.' };
  const { maxChangedRows: most } = connector;
  const total = rowsOf(changes);
  const beyond = most !== undefined && total > most ? ` (more than the ${most} that it may)` : '';
  return {
    facts: [
      {
        column: 'rows',
        label: 'Rows that it changes',
        value: `${grouped(String(total), 0)}${beyond}`,
        bound: true,
      },
      ...changes.flatMap(({ table, ...kinds }) =>
        Object.entries(kinds).flatMap(([kind, count]): PreviewFact[] =>
          count === 0
            ? []
            : [
                {
                  column: `${table} ${kind}`,
                  label: `${table}: ${kind}`,
                  value: grouped(String(count), 0),
                  bound: true,
                },
              ],
        ),
      ),
    ],
  };
}

/** @throws GatehouseError `GH-TOOLS-030` for a row that is not what the tool's file declares */
function factsOf(
  declared: PreviewStatement,
  args: Record<string, unknown>,
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
