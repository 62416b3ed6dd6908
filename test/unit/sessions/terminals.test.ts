import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createTerminals, type Terminals } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let terminals: Terminals;
const laptop = { host: 'laptop', account: 'ann' };
before(async () => {
  database = await testDatabase();
  terminals = createTerminals({ pool: database.pool, interval: 0 });
});
after(() => database.drop());
beforeEach(() => database.pool.query('truncate terminal_logins, terminal_guesses, terminal_sessions'));

const begin = (name = laptop, address = '192.0.2.1') => terminals.begin(name, address);

async function signedIn(principal = 'ann') {
  const { deviceCode, userCode } = await begin();
  await terminals.answer(userCode, principal, true);
  const collected = await terminals.collect(deviceCode);
  assert.ok(collected.state === 'confirmed');
  return collected;
}

test('a terminal acts for the person who typed its code, whoever began', async () => {
  const { deviceCode, userCode } = await begin();
  assert.match(userCode, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  assert.deepEqual(await terminals.collect(deviceCode), { state: 'waiting' });
  const asking = await terminals.question(` ${userCode.toLowerCase().replace('-', '')} `, 'bob');
  assert.deepEqual([asking?.host, asking?.account], ['laptop', 'ann']);
  assert.deepEqual(await terminals.answer(userCode, 'bob', true), laptop);
  const collected = await terminals.collect(deviceCode);
  assert.ok(collected.state === 'confirmed');
  assert.equal(await terminals.session(collected.token), 'bob');
  assert.deepEqual(
    (await database.pool.query('select facts from receipts where kind = $1', ['terminal'])).rows,
    [{ facts: { state: 'confirmed', principal: 'bob' } }],
  );
});

test('a code works once, for one terminal, also for two at once', async () => {
  const { deviceCode, userCode } = await begin();
  const other = await begin();
  const answers = await Promise.all(
    ['ann', 'bob'].map((principal) => terminals.answer(userCode, principal, true)),
  );
  assert.equal(answers.filter((answer) => answer !== null).length, 1);
  assert.equal(await terminals.question(userCode, 'carl'), null);
  assert.deepEqual(await terminals.collect(other.deviceCode), { state: 'waiting' });
  const taken = await Promise.all([deviceCode, deviceCode].map((code) => terminals.collect(code)));
  assert.deepEqual(taken.map(({ state }) => state).sort(), ['confirmed', 'expired']);
});

test('a code that has run out confirms nothing, and neither does the wait for it', async () => {
  const waiting = await begin();
  const confirmed = await begin();
  await terminals.answer(confirmed.userCode, 'ann', true);
  await database.pool.query('update terminal_logins set expires_at = clock_timestamp()');
  assert.equal(await terminals.question(waiting.userCode, 'ann'), null);
  assert.equal(await terminals.answer(waiting.userCode, 'ann', true), null);
  for (const { deviceCode } of [waiting, confirmed])
    assert.deepEqual(await terminals.collect(deviceCode), { state: 'expired' });
  assert.equal((await database.pool.query('select from terminal_sessions')).rowCount, 0);
});

test('guessing is stopped after five codes, also at once, and the right one does not help then', async () => {
  const { userCode } = await begin();
  const guesses = await Promise.allSettled(
    Array.from({ length: 12 }, (_value, index) =>
      index % 2 === 0 ? terminals.question('BBBB-BBBB', 'eve') : terminals.answer('CCCC-CCCC', 'eve', true),
    ),
  );
  assert.equal(guesses.filter(({ status }) => status === 'fulfilled').length, 5);
  await assert.rejects(terminals.answer(userCode, 'eve', true), { code: 'GH-SESSIONS-012', status: 429 });
  assert.ok(await terminals.question(userCode, 'ann'), 'others are not stopped by it');
  await database.pool.query(`update terminal_guesses set at = at - interval '10 minutes'`);
  assert.ok(await terminals.question(userCode, 'eve'));
});

test('a refused terminal gets nothing', async () => {
  const { deviceCode, userCode } = await begin();
  await terminals.answer(userCode, 'ann', false);
  assert.equal(await terminals.answer(userCode, 'ann', true), null);
  assert.deepEqual(await terminals.collect(deviceCode), { state: 'refused' });
  assert.deepEqual(await terminals.collect(deviceCode), { state: 'expired' });
});

test('a forged device code, or the user code in its place, collects nothing', async () => {
  const { userCode } = await begin();
  await terminals.answer(userCode, 'ann', true);
  for (const code of ['', 'device_guess', userCode, userCode.replace('-', '')])
    assert.deepEqual(await terminals.collect(code), { state: 'expired' });
});

test('who asks faster than agreed is told to slow down', async () => {
  const slow = createTerminals({ pool: database.pool, interval: 5 });
  const { deviceCode } = await slow.begin(laptop, '192.0.2.1');
  assert.deepEqual(await slow.collect(deviceCode), { state: 'waiting' });
  assert.deepEqual(await slow.collect(deviceCode), { state: 'slow' });
});

test('no more than twenty terminals of one address wait at once', async () => {
  await Promise.all(Array.from({ length: 20 }, () => begin()));
  await assert.rejects(begin(), { code: 'GH-SESSIONS-011', status: 429 });
  await begin(laptop, '192.0.2.2');
});

test('only hashes are stored, and what a terminal calls itself draws nothing', async () => {
  const { deviceCode, userCode } = await begin({ host: 'a\u202eb\u001b[31m<b>', account: 'x'.repeat(500) });
  const asking = await terminals.question(userCode, 'ann');
  assert.deepEqual([asking?.host, asking?.account.length], ['a?b??31m?b?', 64]);
  const { rows } = await database.pool.query<{ row: string }>('select t::text as row from terminal_logins t');
  for (const secret of [deviceCode, userCode, userCode.replace('-', '')]) {
    assert.ok(!rows[0]?.row.includes(secret));
    assert.ok(!rows[0]?.row.includes(Buffer.from(secret).toString('hex')));
  }
});

test('a session ends with its time, from its terminal, and by its person alone', async () => {
  const first = await signedIn();
  await terminals.end({ token: first.token });
  assert.equal(await terminals.session(first.token), null);
  const second = await signedIn();
  const [listed] = await terminals.list('ann');
  await terminals.end({ id: listed?.id ?? '', principal: 'bob' });
  assert.equal(await terminals.session(second.token), 'ann');
  await terminals.end({ id: listed?.id ?? '', principal: 'ann' });
  assert.equal(await terminals.session(second.token), null);
  const third = await signedIn();
  await database.pool.query('update terminal_sessions set expires_at = clock_timestamp()');
  assert.equal(await terminals.session(third.token), null);
  assert.deepEqual(await terminals.list('ann'), []);
});
