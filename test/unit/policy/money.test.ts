import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromCents, toCents } from '../../../gateway/policy/money.ts';

test('amounts become whole cents without rounding, and cents amounts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99_999_999_999_999 }), (cents) => {
      const text = String(cents).padStart(3, '0');
      const amount = `${text.slice(0, -2)}.${text.slice(-2)}`;
      assert.equal(toCents(amount), cents);
      assert.equal(fromCents(cents), amount);
    }),
  );
  assert.deepEqual(['1', '1.5', '0.07', '1.234', '1e2', '-1', 1].map(toCents), [
    100,
    150,
    7,
    null,
    null,
    null,
    null,
  ]);
});
