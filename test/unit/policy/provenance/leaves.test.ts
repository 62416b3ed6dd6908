import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTool } from '../../../../gateway/catalogue/index.ts';
import { mail, origins, pay, traced } from './support.ts';

/** A tool whose arguments are more than plain texts. */
const order = parseTool(
  'shop.order.yaml',
  `name: shop.order
title: Order
description: Orders something for somebody.
risk: write
args:
  type: object
  properties:
    to:
      type: object
      properties:
        name: { type: string, maxLength: 100 }
        "a/b~c": { type: string, maxLength: 100 }
        parts: { type: array, maxItems: 5, items: { type: object, properties: { size: { enum: [S, L] } } } }
    copies: { type: integer, minimum: 1, maximum: 9, default: 1 }
    gift: { type: boolean }
    paper: { type: string, enum: [plain, gold] }
    shop: { type: string, const: main }
    note: { type: [string, "null"], maxLength: 100, default: Thanks }
    layout: { type: string, enum: [wide, narrow] }
  additionalProperties: false
kinds: { to: redirects, copies: sizes, gift: selects, paper: selects, shop: redirects, note: content, layout: content }
sentence: Order it
done: Done.
idempotencyKey: none
secret: test/secret
connector: { kind: code }
`,
);

test('every value that is sent is looked at, under its place, however deep it lies', async () => {
  const found = await origins('Order it for Ann', order, {
    to: { name: 'Ann', 'a/b~c': 'Eve', parts: [{ size: 'S' }, { size: 'L' }] },
    copies: 3,
    gift: true,
    note: null,
  });
  assert.deepEqual(found, {
    '/to/name': 'user',
    '/to/a~1b~0c': 'unknown',
    '/to/parts/0/size': 'unknown',
    '/to/parts/1/size': 'unknown',
    '/copies': 'unknown',
    '/gift': 'unknown',
  });
});

test('a name that the schema does not know counts as a value of its caller, and so does what it holds', async () => {
  const { leaves } = await traced('Order it for Ann', order, { to: { 'eve@example.net': ['Ann'] } });
  assert.deepEqual(
    leaves.map(({ at, origin }) => [at, origin]),
    [
      ['/to/eve@example.net', 'unknown'],
      ['/to/eve@example.net/0', 'user'],
    ],
  );
});

test('only the value that the schema itself gives vouches for itself, not every value of that argument', async () => {
  assert.deepEqual(await origins('Order it', order, { copies: 1, shop: 'main' }), {
    '/copies': 'constant',
    '/shop': 'constant',
  });
  assert.equal((await origins('Order it', order, { copies: 2 }))['/copies'], 'unknown');
  assert.equal((await origins('Order 2 of it', order, { copies: 2 }))['/copies'], 'user');
});

test('a choice of the schema may be written, and is still nothing that a call is about', async () => {
  const chosen = await traced('Order it', order, { layout: 'wide' });
  assert.deepEqual(
    chosen.leaves.map(({ origin }) => origin),
    ['constant'],
  );
  assert.equal(chosen.anchored, false);
  // A fixed choice does not become somebody's because they typed the word.
  assert.equal((await traced('Order it in gold', order, { paper: 'gold' })).anchored, false);
  assert.equal((await traced('Gift: true', order, { gift: true })).anchored, false);
  assert.equal((await traced('Order it', order, { note: 'Thanks' })).anchored, false);
  assert.equal((await traced('Order it for Ann', order, { to: { name: 'Ann' } })).anchored, true);
  assert.equal((await traced('Order it', order, { to: { name: 'Ann' } })).anchored, false);
});

test('an argument that the catalogue says nothing of is looked at as one that redirects', async () => {
  const { kinds: _none, ...rest } = mail;
  const bare = { ...rest, kinds: {} };
  const { leaves } = await traced('Mail Ann', bare, { body: 'Hello Bob' });
  assert.deepEqual(leaves, [{ at: '/body', arg: 'body', kind: 'redirects', origin: 'unknown' }]);
});

test('an empty list and nothing at all need nobody to vouch for them', async () => {
  assert.deepEqual(await origins('Mail it', mail, { recipients: [], subject: null, body: undefined }), {});
});

test('values keep the order of the call, although amounts are looked up first', async () => {
  const { leaves } = await traced('Pay 7 EUR to ACME', pay, { iban: 'ACME', currency: 'EUR', amount: '7' });
  assert.deepEqual(
    leaves.map(({ at }) => at),
    ['/iban', '/currency', '/amount'],
  );
});
