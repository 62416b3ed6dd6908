import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { createTools, type Tools } from '../../../gateway/tools/index.ts';
import { openPreviews, payment, type Previews } from './preview-support.ts';
import { storeRun } from './support.ts';

let on: Previews;
let tools: Tools;
/** Whether the system of record can be looked at, and whether it does what it is asked. */
let visible = true;
let up = true;

before(async () => {
  on = await openPreviews();
  const { postgres } = on.at.deps.connectors;
  tools = createTools({
    ...on.at.deps,
    connectors: {
      ...on.at.deps.connectors,
      postgres: {
        ...postgres,
        run: (call) => (up ? postgres.run(call) : Promise.reject(new GatehouseError('GH-TOOLS-002', 'away'))),
      },
    },
    preview: (call) =>
      visible
        ? on.at.deps.preview(call)
        : Promise.resolve({ state: 'unavailable', text: 'It is away.', facts: [], at: '' }),
    patienceMs: 0,
  });
});
after(() => on.at.close());
beforeEach(() => {
  on.next();
  visible = true;
  up = true;
});

/** An approved payment whose system goes away before it is made. @returns the attempt */
async function waiting(): Promise<string> {
  await storeRun(on.at, on.run());
  await on.approved(payment);
  up = false;
  const { status, attempt } = await tools.execute(on.run(), { ...payment, step: 'x:0:0' });
  assert.equal(status, 'planned');
  return attempt ?? '';
}
async function tryNow(
  id: string,
): Promise<{ state: string; result: { reasons?: { code: string }[] } | null }> {
  await on.at.db.pool.query('update attempts set next_try_at = now() where id = $1', [id]);
  await tools.tryAgain(id);
  const { rows } = await on.at.db.pool.query<Awaited<ReturnType<typeof tryNow>>>(
    'select state, result from attempts where id = $1',
    [id],
  );
  return rows[0] as Awaited<ReturnType<typeof tryNow>>;
}

test('an approved call waits on while nobody can look what it would do, and is made once it is as it was', async () => {
  const before = await on.payments();
  const id = await waiting();
  visible = false;
  up = true;
  assert.equal((await tryNow(id)).state, 'planned');
  assert.equal(await on.payments(), before);
  visible = true;
  assert.equal((await tryNow(id)).state, 'succeeded');
  assert.equal(await on.payments(), before + 1);
  await on.change(`delete from ledger where payee = 'ACME' and reference = 'invoice-42'`);
});

test('attack: what it would do changes while it waits; it is not done', async () => {
  const before = await on.payments();
  const id = await waiting();
  up = true;
  await on.change(
    `insert into ledger (account, amount, currency, reference, idempotency_key) values ('main', 1, 'EUR', 'in', 'in')`,
  );
  const { state, result } = await tryNow(id);
  assert.deepEqual([state, result?.reasons?.[0]?.code], ['failed', 'preview_changed']);
  assert.equal(await on.payments(), before);
  await on.change(`delete from ledger where reference = 'in'`);
});
