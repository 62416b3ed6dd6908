import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import type { Tool } from '../../../../gateway/catalogue/index.ts';
import { Connections } from '../../../../gateway/tools/connectors/postgres/connections.ts';
import { createQueryConnector } from '../../../../gateway/tools/connectors/postgres/index.ts';
import type { Outcome } from '../../../../gateway/tools/types.ts';
import { callOf, shippedTool } from '../files/support.ts';
import { bench, type Bench } from '../support.ts';

let at: Bench;
let tool: Tool;
let url: string;
const connector = createQueryConnector();
before(async () => {
  at = await bench();
  tool = shippedTool('database.query');
  url = (await at.store.get('demo/postgres-reader')) ?? '';
  // Functions and a view that would do harm, if anything led to them.
  await at.demo
    .query(`create function wipe() returns int language sql volatile as $$ update prices set price = 0 returning 1 $$;
    create function sneaky() returns int language plpgsql security definer as
      $$ begin perform set_config('transaction_read_only', 'off', true); update prices set price = 0; return 1; end $$;
    create view harmless as select sneaky() as value; grant select on harmless to public;
    create table types as select 1::int as i, 9007199254740993::bigint as b, 12.50::numeric as n, true as t,
      '{"a": [1]}'::jsonb as j, '2026-01-02 03:04:05+00'::timestamptz as at, null::text as nothing, 'ä' as text;
    grant select on types to public`);
});
after(() => at.close());

type Query = Extract<Tool['connector'], { kind: 'postgres-query' }>;
const ask = (
  sql: string,
  change: Partial<Query> = {},
  secret = url,
  seconds = 10,
  by = connector,
): Promise<Outcome> =>
  by.run(
    callOf(
      { ...tool, timeoutSeconds: seconds, connector: { ...(tool.connector as Query), ...change } },
      { sql },
      'a',
      secret,
    ),
  );
const rows = async (sql: string, change?: Partial<Query>): Promise<unknown[]> => {
  const outcome = await ask(sql, change);
  assert.equal(outcome.status, 'succeeded', JSON.stringify(outcome));
  return (outcome as { result: { rows: unknown[] } }).result.rows;
};
const code = (outcome: Outcome): string | undefined =>
  outcome.status === 'failed' ? outcome.reasons[0]?.code : outcome.status;

test('rows come back sorted as they were asked for, with exact values', async () => {
  assert.deepEqual(
    await rows('select product, price from prices order by price desc -- the dear ones first'),
    [
      { product: 'enterprise', price: '490.00' },
      { product: 'team', price: '49.00' },
      { product: 'basic', price: '9.00' },
    ],
  );
  assert.deepEqual(await rows('table types;'), [
    {
      i: 1,
      b: '9007199254740993',
      n: '12.50',
      t: true,
      j: { a: [1] },
      at: '2026-01-02 03:04:05+00',
      nothing: null,
      text: 'ä',
    },
  ]);
  assert.deepEqual(await rows('select 1 as one where false'), []);
  // What the outcome's table cannot hold comes as its text.
  assert.deepEqual(await rows(`select '{"a": "\\u0000\\ud83d"}'::json as j`), [
    { j: '{"a": "\\u0000\\ud83d"}' },
  ]);
});

test('no more rows and bytes come back than the file allows', async () => {
  const outcome = await ask('select n from generate_series(1, 1000000) n', { maxRows: 3 });
  assert.deepEqual((outcome as { result: unknown }).result, {
    columns: ['n'],
    rows: [{ n: 1 }, { n: 2 }, { n: 3 }],
    count: 3,
    truncated: true,
  });
  const big = `select string_agg('0123456789', '') as x from generate_series(1, 500000)`;
  const connections = new Connections();
  const sockets: { bytesRead: number }[] = [];
  connections.to(url, 10).on('connect', (client) => {
    sockets.push((client as unknown as { connection: { stream: { bytesRead: number } } }).connection.stream);
  });
  assert.equal(
    code(await ask(big, { maxBytes: 10_000 }, url, 10, createQueryConnector(connections))),
    'answer_too_large',
  );
  // Nor do they leave the server.
  assert.ok((sockets[0]?.bytesRead ?? 0) > 0 && sockets.every(({ bytesRead }) => bytesRead < 50_000));
  assert.equal(code(await ask('select 1 as a, 2 as a')), 'column_twice');
});

test('a query that takes too long is stopped, and the connection serves on', async () => {
  const slow =
    'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a.a + b.b < 0';
  const begun = Date.now();
  const outcome = await ask(slow, {}, url, 1);
  assert.equal(code(outcome), 'query_failed');
  assert.match(JSON.stringify(outcome), /longer than 1 seconds/);
  assert.ok(Date.now() - begun < 8000);
  assert.equal((await rows('select 1 as one')).length, 1);
});

test('a mistake in names or syntax is explained; an error that would quote data is not', async () => {
  assert.match(JSON.stringify(await ask('select nane from customers')), /column \\"nane\\" does not exist/);
  const quoting = await ask('select name::int from customers');
  assert.equal(code(quoting), 'query_failed');
  assert.doesNotMatch(JSON.stringify(quoting), /Customer/);
});

test('attack: what the parser might let through writes nothing all the same', async () => {
  const before = await at.demo.query('select * from prices order by product');
  const role = new URL(url).username;
  // The transaction alone holds, also where a role is not set to reading.
  await at.demo.query(`alter role ${role} reset default_transaction_read_only`);
  const fresh = createQueryConnector();
  for (const sql of ['select wipe()', 'select sneaky()', 'select * from harmless']) {
    const end = code(await ask(sql, { functions: ['wipe', 'sneaky'] }, url, 10, fresh));
    assert.equal(end, 'query_failed', sql);
  }
  await at.demo.query(`alter role ${role} set default_transaction_read_only = on`);
  assert.deepEqual((await at.demo.query('select * from prices order by product')).rows, before.rows);
});

test('attack: a backslash does not end the query early, whatever the role is set to', async () => {
  const role = new URL(url).username;
  await at.demo.query(
    `alter role ${role} set standard_conforming_strings = off; alter role ${role} set backslash_quote = on`,
  );
  try {
    const sql = `select '\\' as a, ' union select pg_sleep(0)::text, wipe()::text --' as b`;
    // What a role is set to holds for new connections.
    const outcome = await ask(sql, {}, url, 10, createQueryConnector());
    assert.deepEqual((outcome as { result?: { rows: unknown } }).result?.rows, [
      { a: '\\', b: ' union select pg_sleep(0)::text, wipe()::text --' },
    ]);
  } finally {
    await at.demo.query(
      `alter role ${role} reset standard_conforming_strings; alter role ${role} reset backslash_quote`,
    );
  }
});

test('attack: a role that may write is not used for a free query', async () => {
  const refused = { code: 'GH-TOOLS-051' };
  await assert.rejects(ask('select 1', {}, await at.store.get('demo/postgres')), refused);
  const admin = new URL(process.env.GATEHOUSE_TEST_POSTGRES ?? '');
  admin.pathname = new URL(url).pathname;
  await assert.rejects(ask('select 1', {}, admin.href), refused);
  const role = new URL(url).username;
  for (const [grant, back] of [
    [`grant update (price) on prices to ${role}`, `revoke update (price) on prices from ${role}`],
    [`grant pg_write_all_data to ${role}`, `revoke pg_write_all_data from ${role}`],
    [`grant pg_read_server_files to ${role}`, `revoke pg_read_server_files from ${role}`],
    [`grant insert on prices to public`, `revoke insert on prices from public`],
    [`alter role ${role} createrole`, `alter role ${role} nocreaterole`],
  ] as const) {
    await at.demo.query(grant);
    await assert.rejects(ask('select 1'), refused, grant);
    await at.demo.query(back);
  }
  assert.equal((await rows('select 1 as one')).length, 1);
});

test('the demo’s reader reads and can do nothing else', async () => {
  const reader = new pg.Client({ connectionString: url });
  await reader.connect();
  await reader.query('set default_transaction_read_only = off');
  for (const sql of [
    'update prices set price = 0',
    'delete from customers',
    `insert into outbox (recipient, subject, body, idempotency_key) values ('a', 'b', 'c', 'd')`,
    'create table mine (id int)',
    'create temporary table mine (id int)',
  ])
    await assert.rejects(reader.query(sql), { code: '42501' }, sql);
  await reader.end();
});

test('nothing of a query stays on the connection that serves the next one', async () => {
  const one = await rows(`select current_user as who, count(*) as rows from customers`);
  for (let n = 0; n < 10; n += 1)
    assert.deepEqual(await rows(`select current_user as who, count(*) as rows from customers`), one);
});
