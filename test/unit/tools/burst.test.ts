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

test('calls are judged while it is looked up what is recorded of them, and each is judged once', async () => {
  const order: string[] = [];
  const policy = {
    ...at.policy,
    judgeTogether(...asked: Parameters<typeof at.policy.judgeTogether>) {
      order.push('judged');
      return at.policy.judgeTogether(...asked);
    },
  };
  const pool = new Proxy(at.db.pool, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...given: { name?: string }[]): Promise<unknown> => {
        const answer: unknown = await Reflect.apply(value, target, given);
        if (given[0]?.name === 'look-up-calls') order.push('looked up');
        return answer;
      };
    },
  });
  const own = createTools({ ...at.deps, pool, policy });
  const call = { tool: 'ledger.balance', args: {}, step: 'x:0:0' };
  const run = runOf({ messageId: 'web:local:ahead:0', sessionKey: 'session ahead' });
  assert.equal((await own.execute(run, call)).status, 'succeeded');
  assert.deepEqual(order, ['judged', 'looked up']);
});

test('a recorded outcome is told without its judgement', async () => {
  const first = await read('recorded');
  let asked = 0;
  const policy = {
    ...at.policy,
    judgeTogether() {
      asked += 1;
      return Promise.reject(new Error('no rules'));
    },
  };
  const own = createTools({ ...at.deps, policy });
  const run = runOf({ messageId: 'web:local:recorded:0', sessionKey: 'session of recorded' });
  const again = await own.execute(run, { tool: 'ledger.balance', args: {}, step: 'x:0:0' });
  assert.deepEqual([again.status, again.receipt, again.replayed], ['succeeded', first.receipt, true]);
  assert.equal(asked, 1);
});
