import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { runOf } from '../policy/support.ts';
import { bench, type Bench } from './support.ts';

let at: Bench;
let tools: Tools;
before(async () => {
  at = await bench();
  tools = createTools(at.deps);
});
after(() => at.close());

/** One read of a message of its own, or of the message that is given. */
const read = (name: string, principal = 'requester', message = name): Promise<Execution> =>
  tools.execute(runOf({ messageId: `web:local:${message}:0`, sessionKey: `session of ${name}`, principal }), {
    tool: 'ledger.balance',
    args: {},
    step: 'x:0:0',
  });
const rowsOf = async (what: string, like: string): Promise<string[]> =>
  (
    await at.db.pool.query<{ writer: string }>(
      `select xmin::text as writer from ${what} where message_id like $1`,
      [like],
    )
  ).rows.map(({ writer }) => writer);
const statuses = (answers: Execution[]): string[] => answers.map(({ status }) => status);

test('calls that come together share their transactions, each with all that belongs to it', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `together-${index}`);
  const answers = await Promise.all(names.map((name) => read(name)));
  assert.deepEqual(new Set(statuses(answers)), new Set(['succeeded']));
  assert.equal(new Set(answers.map(({ receipt }) => receipt)).size, names.length);
  const ends = await rowsOf('attempts', 'web:local:together-%');
  assert.equal(ends.length, names.length);
  assert.ok(new Set(ends).size < names.length, `${new Set(ends).size} transactions`);
  assert.equal((await rowsOf('receipts', 'web:local:together-%')).length, 4 * names.length);
  const { rows } = await at.db.pool.query('select from leases where ended_at is null');
  assert.equal(rows.length, 0);
});

test('a person who is stopped stops nobody else of the same burst', async () => {
  const stop = (engaged: boolean): Promise<void> =>
    at.policy.setKillSwitch({ engaged, target: 'person:approver-a', reason: 'drill', by: 'admin' });
  await stop(true);
  try {
    const people = ['requester', 'approver-a', 'approver-b', 'approver-a', 'requester'];
    const answers = await Promise.all(people.map((person, index) => read(`stopped-${index}`, person)));
    assert.deepEqual(statuses(answers), ['succeeded', 'denied', 'succeeded', 'denied', 'succeeded']);
    assert.equal((await rowsOf('attempts', 'web:local:stopped-%')).length, 3);
  } finally {
    await stop(false);
  }
});

test('the same call twice in one burst runs once, and both get its outcome', async () => {
  const answers = await Promise.all([read('twin'), read('other'), read('twin'), read('third')]);
  assert.deepEqual(new Set(statuses(answers)), new Set(['succeeded']));
  assert.equal(answers[0].receipt, answers[2].receipt);
  assert.equal((await rowsOf('attempts', 'web:local:twin:0')).length, 1);
});
