import pg from 'pg';
import { GatehouseError } from '../../../config/index.ts';
import { sqlState } from '../../../db/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../../types.ts';
import { Connections, lend } from './connections.ts';
import { readOnlyQuery } from './read-only.ts';

interface Limits {
  maxRows: number;
  maxBytes: number;
}

/**
 * Runs a query that the caller wrote: one that provably reads, in a transaction that can write nothing, as a role that may
 * write nothing, for as long as the tool has time, and with as many rows and bytes as its file allows.
 */
export function createQueryConnector(connections = new Connections()): Connector {
  return {
    secretFor: (tool) => tool.secret,
    async run(call) {
      const { connector, timeoutSeconds } = call.tool;
      if (connector.kind !== 'postgres-query' || call.secret === undefined)
        throw new GatehouseError('GH-TOOLS-001', 'The tool names no connection secret.');
      const sql = await readOnlyQuery(String(call.args[connector.sql]), connector.functions);
      const pool = connections.to(call.secret, timeoutSeconds);
      return answer(
        call,
        connector,
        await lend(pool, (client) => read(client, sql, connector, timeoutSeconds)),
      );
    },
  };
}

type Read = { rows: unknown[][]; columns: string[]; bytes: number } | { problem: string };

async function read(client: pg.PoolClient, sql: string, limits: Limits, seconds: number): Promise<Read> {
  await client.query('begin read only');
  // The parser read the text by the standard; a role may be set to another reading of backslashes.
  await client.query(
    `set local standard_conforming_strings = on; set local statement_timeout = ${seconds * 1000};
     set local idle_in_transaction_session_timeout = ${seconds * 1000}; set local timezone = 'UTC'; set local datestyle = 'ISO'`,
  );
  const { rows: rights } = await client.query<{ writes: boolean }>(mayWrite);
  if (rights[0]?.writes !== false) {
    await client.query('rollback');
    throw new GatehouseError(
      'GH-TOOLS-051',
      'The role of this tool may write, and a free query needs one that may not.',
      {
        status: 409,
        next: 'Give the secret of the tool a role with nothing but SELECT.',
      },
    );
  }
  try {
    const found = await client.query<unknown[]>({
      text: bounded(sql),
      values: [limits.maxRows + 1, limits.maxBytes],
      rowMode: 'array',
      types: exact,
    });
    await client.query('rollback');
    return unpacked(found);
  } catch (error) {
    const problem = explained(error, seconds);
    if (problem === null) throw error;
    await client.query('rollback');
    return { problem };
  }
}

/**
 * The query with a number before each row and the size of it all, and no rows where that is too much: a cell may hold a
 * gigabyte. What it asks to be sorted stays sorted.
 */
const bounded = (sql: string): string => `with answer as materialized (
    select row_number() over () as number, query.* from (${sql}\n) as query limit $1::bigint
  ), size as (select coalesce(sum(octet_length(answer::text)), 0)::float8 as bytes from answer)
  select size.bytes, answer.* from size left join answer on size.bytes <= $2::float8 order by answer.number`;

/** Whether the role can do more than read: superusers, those with powers of the server, owners, and who was granted it. */
const mayWrite = `select coalesce(bool_or(writes), true) as writes from (
    select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as writes
      from pg_roles where rolname = current_user
    union all
    select true from pg_roles where rolname in ('pg_write_all_data', 'pg_write_server_files', 'pg_read_server_files',
      'pg_execute_server_program', 'pg_signal_backend', 'pg_maintain') and pg_has_role(oid, 'usage')
    union all
    select true from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where relkind in ('r', 'p', 'v', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema'
      and (has_table_privilege(pg_class.oid, 'insert, update, delete, truncate') or has_any_column_privilege(pg_class.oid, 'insert, update'))
  ) as rights`;

const asNumber = (text: string): unknown => (Number.isFinite(Number(text)) ? Number(text) : text);
// What `json` may hold and `jsonb` may not, such as a NUL, could not be stored with the outcome; its text can.
const asJson = (text: string): unknown => (/\\u(0000|d[89a-f])/i.test(text) ? text : JSON.parse(text));
const { BOOL, INT2, INT4, FLOAT4, FLOAT8, JSON: json, JSONB } = pg.types.builtins;

/** Exact values of every type: a number where JavaScript holds it, JSON as it is, and the text of Postgres for all else. */
const parsers = new Map<number, (text: string) => unknown>([
  [BOOL, (text) => text === 't'],
  ...[INT2, INT4, FLOAT4, FLOAT8].map((oid) => [oid, asNumber] as const),
  ...[json, JSONB].map((oid) => [oid, asJson] as const),
]);
const exact: pg.CustomTypesConfig = {
  getTypeParser: (oid: number) => parsers.get(oid) ?? ((text: string) => text),
};

function unpacked({ rows, fields }: pg.QueryArrayResult<unknown[]>): Read {
  const [first] = rows;
  // The left join of nothing is one row without a number.
  const found = first?.[1] === null ? [] : rows;
  return {
    bytes: Number(first?.[0] ?? 0),
    columns: fields.slice(2).map(({ name }) => name),
    rows: found.map((row) => row.slice(2)),
  };
}

function answer({ tool }: ConnectorCall, { maxRows, maxBytes }: Limits, read: Read): Outcome {
  if ('problem' in read) return failed('query_failed', read.problem);
  const { bytes, columns, rows } = read;
  if (bytes > maxBytes)
    return failed(
      'answer_too_large',
      `The answer has ${Math.round(bytes)} bytes, and ${tool.name} returns ${maxBytes} at most. Ask for fewer rows or columns.`,
    );
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined)
    return failed('column_twice', `Two columns are called ${twice}. Give one of them another name with AS.`);
  const truncated = rows.length > maxRows;
  const kept = rows
    .slice(0, maxRows)
    .map((row) => Object.fromEntries(row.map((value, at) => [columns[at] ?? '', value])));
  return { status: 'succeeded', result: { columns, rows: kept, count: kept.length, truncated } };
}

const failed = (code: string, text: string): Outcome => ({ status: 'failed', reasons: [{ code, text }] });

/** Null where the server went away. Only class 42 (names and syntax) quotes nothing but the query itself. */
function explained(error: unknown, seconds: number): string | null {
  const state = sqlState(error);
  if (state === null) return null;
  if (state === '57014') return `It took longer than ${seconds} seconds. Ask for less.`;
  const { message } = error as { message?: unknown };
  return state.startsWith('42') && typeof message === 'string'
    ? `Postgres says: ${message.slice(0, 300)}.`
    : `Postgres could not run it (SQLSTATE ${state}).`;
}
