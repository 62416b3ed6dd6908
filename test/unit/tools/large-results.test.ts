import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { runOf } from '../policy/support.ts';
import { bench, type Bench } from './support.ts';

const balance = { balance: '1.00', currency: 'EUR' };
/** Ends its parts within characters of two code units, where a careless cut would break one. */
const large = { ...balance, notes: '🏦'.repeat(40_000) };
let answer: object = balance;
let at: Bench;
let tools: Tools;
before(async () => {
  at = await bench({ postgres: { run: () => Promise.resolve({ status: 'succeeded', result: answer }) } });
  tools = createTools(at.deps);
});
after(() => at.close());

const run = (session = 's1', message = 'one'): ReturnType<typeof runOf> =>
  runOf({ messageId: `web:local:${session}:${message}:0`, sessionKey: session });
const read = (ref: unknown, offset: number, by = run()): Promise<Execution> =>
  tools.execute(by, { tool: 'gatehouse.result', args: { ref, offset }, step: `read:${offset}:0` });
const balanceOf = (step: string): Promise<Execution> =>
  tools.execute(run(), { tool: 'ledger.balance', args: {}, step });

test('a small result travels with its outcome', async () => {
  answer = balance;
  assert.deepEqual((await balanceOf('small:0:0')).result, balance);
});

test('a large one is named, and read in parts of the same conversation', async () => {
  answer = large;
  const first = await balanceOf('large:0:0');
  const named = first.result as { ref: string; bytes: number; sha256: string; excerpt: string };
  const json = JSON.stringify(large);
  assert.equal(named.ref, first.attempt);
  assert.equal(named.bytes, Buffer.byteLength(json));
  assert.ok(json.startsWith(named.excerpt) && named.excerpt.length <= 1000);
  assert.match(first.text ?? '', /^The balance is 1\.00 EUR\.$/);
  assert.deepEqual((await balanceOf('large:0:0')).result, named, 'a replay names the same');

  let text = '';
  for (let next: number | null = 0; next !== null;) {
    const { status, result } = await read(named.ref, next);
    assert.equal(status, 'succeeded');
    const part = result as { text: string; next: number | null };
    assert.ok(part.text.isWellFormed());
    text += part.text;
    next = part.next;
  }
  assert.deepEqual(JSON.parse(text), large);
  assert.equal(createHash('sha256').update(text).digest('hex'), named.sha256);
});

test("it is nobody else's, and gone with its retention", async () => {
  answer = large;
  const { ref } = (await balanceOf('mine:0:0')).result as { ref: string };
  const unknown = async (by: ReturnType<typeof runOf>, wanted = ref): Promise<void> => {
    const { status, reasons } = await read(wanted, 0, by);
    assert.deepEqual([status, reasons?.[0]?.code], ['failed', 'result_unknown']);
  };
  await unknown(run('s2', 'other'));
  await unknown(run('s1', 'guess'), 'att_guessed');
  await at.db.pool.query('update attempts set result = null where id = $1', [ref]);
  await unknown(run('s1', 'late'));
});
