import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseTool, type Tool } from '../../../../gateway/catalogue/index.ts';
import {
  createPostgresConnector,
  createPostgresDryRun,
} from '../../../../gateway/tools/connectors/postgres/index.ts';
import { callOf, shippedTool } from '../files/support.ts';
import { bench, type Bench } from '../support.ts';

let at: Bench;
let url: string;
const connector = createPostgresConnector();
const dryRun = createPostgresDryRun();
before(async () => {
  at = await bench();
  const role = new URL((await at.store.get('demo/postgres')) ?? '').username;
  url = (await at.store.get('demo/postgres')) ?? '';
  await at.demo.query(`create table parent (id int primary key);
    create table child (id int references parent on delete cascade deferrable initially deferred);
    create table log (what text);
    insert into parent select generate_series(1, 5); insert into child select 1 + n % 2 from generate_series(1, 6) n;
    create function noted() returns trigger language plpgsql as $$ begin insert into log values ('gone'); return old; end $$;
    create trigger noted after delete on parent for each row execute function noted();
    grant select, insert, update, delete on parent, child, log to ${role}`);
});
after(() => at.close());

const toolOf = (statement: string, parameters: string, more = ''): Tool =>
  parseTool(
    'parents.yaml',
    `name: parents.change
title: Change parents
description: Changes parents.
risk: write
args:
  type: object
  properties: { upTo: { type: integer } }
  required: [upTo]
  additionalProperties: false
kinds: { upTo: selects }
sentence: Change
done: Changed.
idempotencyKey: none
secret: demo/postgres
connector: { kind: postgres, statement: '${statement}', parameters: [${parameters}], returns: rows ${more} }
preview: { dryRun: true }
`,
  );
const removal = (more?: string): Tool => toolOf('delete from parent where id <= $1::int', 'args.upTo', more);
const run = (tool: Tool, upTo: number) => connector.run(callOf(tool, { upTo }, 'att_1', url));
const look = async (tool: Tool, args: Record<string, unknown>): Promise<string[]> => {
  const found = await dryRun.run({ attempt: 'prv_1', tool, args, caller: { principal: 'p' }, secret: url });
  return 'facts' in found ? found.facts.map(({ label, value }) => `${label}: ${value}`) : [found.missing];
};
const state = async (): Promise<unknown> =>
  (
    await at.demo.query(
      `select (select count(*)::int from parent) as parents, (select count(*)::int from child) as children, (select count(*)::int from log) as logged`,
    )
  ).rows[0];

test('a dry run counts every row that would change, those of cascades and triggers too, and changes none', async () => {
  assert.deepEqual(await look(removal(), { upTo: 2 }), [
    'Rows that it changes: 10',
    'child: deleted: 6',
    'log: inserted: 2',
    'parent: deleted: 2',
  ]);
  assert.deepEqual(await state(), { parents: 5, children: 6, logged: 0 });
  assert.deepEqual(
    await look(removal(', maxChangedRows: 3'), { upTo: 2 }).then(([first]) => first),
    'Rows that it changes: 10 (more than the 3 that it may)',
  );
  assert.deepEqual(await look(removal(), { upTo: 0 }), ['Rows that it changes: 0']);
});

test('a dry run finds what would only fail at the end of the transaction', async () => {
  const orphan = toolOf('insert into child select $1::int', 'args.upTo');
  await assert.rejects(look(orphan, { upTo: 99 }), { code: 'GH-TOOLS-003', message: /23503/ });
});

test('attack: a dry run is not left open by its own statement', async () => {
  const leaving = {
    ...removal(),
    connector: { ...removal().connector, statement: 'commit', parameters: [] },
  } as Tool;
  await assert.rejects(async () => {
    const left = await look(leaving, { upTo: 5 });
    assert.deepEqual(left, []);
  });
  const both = {
    ...removal(),
    connector: { ...removal().connector, statement: 'delete from parent; commit', parameters: [] },
  } as Tool;
  await assert.rejects(look(both, { upTo: 5 }), { code: 'GH-TOOLS-003' });
  assert.deepEqual(await state(), { parents: 5, children: 6, logged: 0 });
});

test('a write that would change more rows than the file allows changes none', async () => {
  const outcome = await run(removal(', maxChangedRows: 9'), 2);
  assert.deepEqual(outcome.status === 'failed' && outcome.reasons[0]?.code, 'too_many_rows');
  assert.match(JSON.stringify(outcome), /10 rows, and this tool may change 9/);
  assert.deepEqual(await state(), { parents: 5, children: 6, logged: 0 });
});

test('a write within the bound is kept, and what its connection did before is not counted', async () => {
  const tool = removal(', maxChangedRows: 10');
  assert.equal((await run(tool, 2)).status, 'succeeded');
  assert.deepEqual(await state(), { parents: 3, children: 0, logged: 2 });
  const few = removal(', maxChangedRows: 2');
  for (const upTo of [3, 4, 5]) assert.equal((await run(few, upTo)).status, 'succeeded');
  assert.deepEqual(await state(), { parents: 0, children: 0, logged: 5 });
});

test('an error within the bound leaves nothing open and nothing done', async () => {
  const orphan = toolOf('insert into child select $1::int', 'args.upTo', ', maxChangedRows: 5');
  await assert.rejects(run(orphan, 99), { code: 'GH-TOOLS-003' });
  assert.deepEqual(await state(), { parents: 0, children: 0, logged: 5 });
});

test('the shipped price change of all products shows how many, and is bound', async () => {
  assert.deepEqual(await look(shippedTool('prices.raise'), { percent: '10' }), [
    'Rows that it changes: 3',
    'prices: updated: 3',
  ]);
  const prices = await at.demo.query('select sum(price)::text as sum from prices');
  assert.deepEqual(prices.rows, [{ sum: '548.00' }]);
});
