import pg from 'pg';
import { GatehouseError } from '../../config/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../types.ts';

const connectMs = 5000;

/**
 * Runs the one statement that the tool's file declares. Arguments travel as parameters only. The connection is made
 * with the leased URL and closed with the call, so that no credential outlives its lease.
 */
export function createPostgresConnector(): Connector {
  return {
    run(call) {
      const { secret } = call.tool;
      if (secret === undefined)
        throw new GatehouseError('GH-TOOLS-001', 'The tool names no connection secret.');
      return call.withSecret(secret, (url) => query(url, call));
    },
  };
}

async function query(url: string, call: ConnectorCall): Promise<Outcome> {
  const { connector } = call.tool;
  if (connector.kind !== 'postgres')
    throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    statement_timeout: call.tool.timeoutSeconds * 1000,
    query_timeout: call.tool.timeoutSeconds * 1000 + 1000,
    application_name: 'gatehouse',
  });
  // A server that goes away also rejects the query below; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    try {
      await client.connect();
    } catch (cause) {
      throw new GatehouseError('GH-TOOLS-002', 'The system of record cannot be reached.', {
        next: 'Try again later, or ask an operator to look at it.',
        cause,
      });
    }
    const { rows } = await client.query<Record<string, unknown>>(
      connector.statement,
      connector.parameters.map((name) => parameter(name, call)),
    );
    if (connector.returns === 'rows') return { status: 'succeeded', result: { rows } };
    if (rows[0]) return { status: 'succeeded', result: rows[0] };
    const text = connector.missing ?? 'There is no such record.';
    return { status: 'failed', reasons: [{ code: 'record_missing', text }] };
  } catch (error) {
    throw understood(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** An SQLSTATE of the statement says that it was rolled back; class 08 and 57P0x say that the server went away. */
function understood(error: unknown): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P0)/.test(code)) return error;
  return new GatehouseError('GH-TOOLS-003', `The system of record refused the call (SQLSTATE ${code}).`, {
    cause: error,
  });
}

function parameter(name: string, call: ConnectorCall): unknown {
  if (name === 'attempt') return call.attempt;
  if (name === 'principal') return call.caller.principal;
  const key = name.slice('args.'.length);
  return Object.hasOwn(call.args, key) ? call.args[key] : null;
}
