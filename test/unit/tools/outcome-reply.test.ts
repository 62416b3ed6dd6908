import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeReply } from '../../../gateway/tools/outcome-reply.ts';
import type { Execution } from '../../../gateway/tools/types.ts';
import { pieces } from '../../../gateway/web/format.ts';

const payment = { tool: 'ledger.transfer', args: {}, step: 'pay' };

test('only what succeeded is told as done; what failed and what nobody knows say so', () => {
  const told = (status: Execution['status']): unknown =>
    (outcomeReply(payment, { status, text: 'It ended.' }).args as { outcome?: string }).outcome ?? 'done';
  assert.deepEqual((['succeeded', 'denied', 'needs_approval', 'failed', 'unknown'] as const).map(told), [
    'done',
    'refused',
    'refused',
    'failed',
    'unknown',
  ]);
});

test('the receipt that ends an answer is one that the pages find and link', () => {
  const receipt = '019e0acb-9610-7000-9a31-4616b0519052';
  const { text } = outcomeReply(payment, { status: 'succeeded', text: 'Paid.', receipt }).args as {
    text: string;
  };
  assert.deepEqual(pieces(text).at(-1), { receipt });
});
