import { GatehouseError } from '../../../config/index.ts';
import type { Connector as Declared } from '../../../catalogue/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../../types.ts';
import { counting, rowsOf } from './changes.ts';
import { Connections, lend } from './connections.ts';
import { valuesOf } from './parameters.ts';

export { createPostgresDryRun } from './dry-run.ts';
export { createQueryConnector } from './query.ts';

type Statement = Extract<Declared, { kind: 'postgres' }>;

/**
 * Runs the one statement that the tool's file declares. Arguments travel as parameters only. Connections are kept for
 * seconds, because signing in to Postgres costs more than most statements: a call still leases the URL, and only a call
 * that leased the very same one is served by such a connection, so that a new password takes effect at once.
 */
export function createPostgresConnector(connections = new Connections()): Connector {
  return {
    secretFor: (tool) => tool.secret,
    async run(call) {
      const { connector } = call.tool;
      if (connector.kind !== 'postgres' || call.secret === undefined)
        throw new GatehouseError('GH-TOOLS-001', 'The tool names no connection secret.');
      const pool = connections.to(call.secret, call.tool.timeoutSeconds);
      const { maxChangedRows: most } = connector;
      if (most === undefined)
        return outcome(connector, await lend(pool, (client) => query(client, connector, call)));
      return lend(pool, async (client) => {
        await client.query('begin');
        const { done, changes } = await counting(client, () => query(client, connector, call));
        const rows = rowsOf(changes);
        await client.query(rows > most ? 'rollback' : 'commit');
        return rows > most ? tooMany(rows, most) : outcome(connector, done);
      });
    },
  };
}

async function query(
  client: { query: (text: string, values: unknown[]) => Promise<{ rows: Record<string, unknown>[] }> },
  { statement, parameters }: Statement,
  call: ConnectorCall,
): Promise<Record<string, unknown>[]> {
  return (await client.query(statement, valuesOf(parameters, call))).rows;
}

function outcome({ returns, missing }: Statement, rows: Record<string, unknown>[]): Outcome {
  if (returns === 'rows') return { status: 'succeeded', result: { rows } };
  if (rows[0]) return { status: 'succeeded', result: rows[0] };
  const text = missing ?? 'There is no such record.';
  return { status: 'failed', reasons: [{ code: 'record_missing', text }] };
}

function tooMany(rows: number, most: number): Outcome {
  const text = `It would change ${rows} rows, and this tool may change ${most} at most. Nothing was changed.`;
  return { status: 'failed', reasons: [{ code: 'too_many_rows', text }] };
}
