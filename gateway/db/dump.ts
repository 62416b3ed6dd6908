import { tableNames } from './migrate.ts';
import type { Queryable } from './pool.ts';

const rowsAtOnce = 500;
/** A row of these may have megabytes. */
const rowsOfFiles = 8;
const atOnce = (table: string): number => (table === 'attachments' ? rowsOfFiles : rowsAtOnce);

/** @returns the migrations that a database has had, in their order */
export async function migrationsOf(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>('select name from schema_migrations order by name');
  return rows.map(({ name }) => name);
}

/**
 * Reads all rows of all our tables, as JSON that Postgres writes and reads itself, so that no value passes through
 * JavaScript's numbers and dates.
 * @param tx a transaction that sees one instant: repeatable read
 * @param take gets each row; the next ones are read when it is done
 */
export async function dumpTables(
  tx: Queryable,
  take: (table: string, row: string) => Promise<void>,
): Promise<void> {
  for (const table of await tablesToLoad(tx)) {
    await tx.query(`declare dump no scroll cursor for select row_to_json(t)::text as row from "${table}" t`);
    for (;;) {
      const { rows } = await tx.query<{ row: string }>(`fetch ${atOnce(table)} from dump`);
      if (rows.length === 0) break;
      for (const { row } of rows) await take(table, row);
    }
    await tx.query('close dump');
  }
}

/** Our tables in an order in which each comes after those that it refers to. How it migrated belongs to the schema. */
export async function tablesToLoad(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ from: string; to: string }>(
    `select conrelid::regclass::text as from, confrelid::regclass::text as to from pg_constraint
     where contype = 'f' and connamespace = current_schema()::regnamespace and conrelid <> confrelid`,
  );
  const left = new Set((await tableNames(db)).filter((name) => name !== 'schema_migrations'));
  const ordered: string[] = [];
  while (left.size > 0) {
    const next = [...left].filter((name) => !rows.some(({ from, to }) => from === name && left.has(to)));
    if (next.length === 0) throw new Error('tables refer to each other in a circle');
    for (const name of next) left.delete(name);
    ordered.push(...next);
  }
  return ordered;
}

/**
 * Puts rows into a table of a schema that was made for them, and its counters behind them.
 * @param rows as `dumpTables` gave them
 */
export async function loadTable(tx: Queryable, table: string, rows: readonly string[]): Promise<void> {
  const step = atOnce(table);
  for (let from = 0; from < rows.length; from += step) {
    await tx.query(
      `insert into "${table}" overriding system value
       select * from json_populate_recordset(null::"${table}", $1::json)`,
      [`[${rows.slice(from, from + step).join(',')}]`],
    );
  }
  const { rows: counters } = await tx.query<{ name: string; counter: string }>(
    `select attname as name, pg_get_serial_sequence($1, attname) as counter
     from pg_attribute where attrelid = $1::regclass and attidentity <> ''
     union all
     select a.attname, d.refobjid::regclass::text from pg_depend d
     join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
     join pg_attrdef f on f.oid = d.objid and d.classid = 'pg_attrdef'::regclass
     join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
     where f.adrelid = $1::regclass`,
    [`"${table}"`],
  );
  for (const { name, counter } of counters) {
    await tx.query(
      `select setval($1::regclass, (select coalesce(max("${name}"), 0) + 1 from "${table}"), false)`,
      [counter],
    );
  }
}
