import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOutage, sqlState } from '../../../gateway/db/index.ts';

const coded = (code?: string, message = 'x'): Error =>
  Object.assign(new Error(message), code ? { code } : {});

test('a server that is not there is told from one that refused a statement, and neither is both', () => {
  for (const code of ['08006', '08P01', '57P01', '57P03', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND'])
    assert.deepEqual([isOutage(coded(code)), sqlState(coded(code))], [true, null], code);
  for (const code of ['23505', '40001', '53100', '57014', 'P0001', 'XX000', '0A000'])
    assert.deepEqual([isOutage(coded(code)), sqlState(coded(code))], [false, code], code);
});

test('an error without a code is an outage where it speaks of a connection, and never a refusal', () => {
  assert.ok(isOutage(coded(undefined, 'Connection terminated unexpectedly')));
  for (const error of [coded(), coded('GH-VAULT-008'), 'text', null, { code: 7 }])
    assert.deepEqual([isOutage(error), sqlState(error)], [false, null]);
});
