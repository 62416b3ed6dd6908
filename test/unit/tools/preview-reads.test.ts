import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { parseTool } from '../../../gateway/catalogue/index.ts';
import type { Preview } from '../../../gateway/policy/index.ts';
import { createPreviews } from '../../../gateway/tools/index.ts';
import { openPreviews, priceChange, type Previews } from './preview-support.ts';

let on: Previews;
before(async () => {
  on = await openPreviews();
});
after(() => on.at.close());
beforeEach(() => on.next());

const writing: [string, string][] = [
  ['a function that writes', 'select pg_temp.nothing() as found'],
  ['a second statement', 'select 1) as x; rollback; truncate prices; select (1'],
  [
    'a writing CTE',
    `with gone as (delete from prices returning product) select count(*)::int as found from gone`,
  ],
  ['a way out of read-only', `select set_config('transaction_read_only', 'off', false) as found`],
  ['a lock', `select product as found from prices where product = 'team' for update`],
  ['a row too many', 'select product as found from prices'],
  ['a column too many', '1 as other, 1 as found'],
];
for (const [name, statement] of writing) {
  test(`attack: a preview that is ${name} shows nothing and changes nothing`, async () => {
    await on.at.demo.query(`create or replace function wipe() returns int language sql as
      $$ update prices set price = 0; select 1 $$; grant execute on function wipe() to public`);
    const sql = statement.replace('pg_temp.nothing()', 'wipe()').replace(/^1 as/, 'select 1 as');
    const tool = parseTool(
      'prices.update.yaml',
      // What the file's check refuses reaches the connector here all the same.
      `${toolText}preview: { statement: select 1 as found, columns: { found: { label: Found } } }\n`,
    );
    const bad = { ...tool, preview: { ...tool.preview, statement: sql } } as typeof tool;
    const preview = createPreviews({ ...on.at.deps, pool: on.at.db.pool, catalogue: { get: () => bad } });
    const decision = await on.at.policy.decide(on.run(), { ...priceChange, step: 'w:0:0' });
    const found: Preview = await preview({
      decisionId: decision.id,
      messageId: on.run().messageId,
      principal: 'requester',
      ...priceChange,
    });
    assert.equal(found.state, 'unavailable', JSON.stringify(found));
    const { rows } = await on.at.demo.query<{ price: string }>(`select price from prices order by price`);
    assert.deepEqual(
      rows.map((row) => row.price),
      ['9.00', '49.00', '490.00'],
    );
  });
}

const toolText = `
name: prices.update
title: Change a price
description: Changes a price.
risk: prod_write
args:
  type: object
  properties:
    product: { type: string, maxLength: 30 }
    price: { type: string, maxLength: 15 }
  required: [product, price]
  additionalProperties: false
kinds: { product: selects, price: sizes }
sentence: Change the price of {product} to {price} EUR
done: Done.
idempotencyKey: attempt
secret: demo/postgres
connector: { kind: postgres, statement: 'select $1, $2', parameters: [args.product, args.price], returns: row }
`;
