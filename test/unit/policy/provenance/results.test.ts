import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ToolResult } from '../../../../gateway/policy/provenance/index.ts';
import { readResults } from '../../../../gateway/policy/provenance/results.ts';
import { testDatabase, type TestDatabase } from '../../../support/postgres.ts';
import { runOf } from '../support.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());
beforeEach(() => database.pool.query('truncate decisions, attempts cascade'));

const run = runOf({ messageId: 'web:local:p1:now:0' });

interface Returned {
  id: string;
  minutesAgo?: number;
  session?: string;
  message?: string;
  state?: string;
}

/** A call that a tool answered. */
async function returned({
  id,
  minutesAgo = 0,
  session = run.sessionKey,
  message = run.messageId,
  state = 'succeeded',
}: Returned): Promise<void> {
  await database.pool.query(
    `with d as (
       insert into decisions (id, message_id, run_id, session_key, step, tool, args, digest, effect, reasons,
         policy_version, expires_at)
       values ($1, $2, gen_random_uuid(), $3, $1, 'ledger.balance', $4, $1, 'allow', '[]', 'v1', now()))
     insert into attempts (id, grant_id, decision_id, message_id, session_key, step, tool, digest, state, result, started_at, finished_at)
     values ('att_' || $1, $1, $1, $2, $3, $1, 'ledger.balance', $1, $5, $6, $7::timestamptz - interval '1 second', $7)`,
    [
      id,
      message,
      session,
      JSON.stringify({ account: id }),
      state,
      JSON.stringify({ result: { balance: id } }),
      new Date(Date.UTC(2026, 10, 2, 10) - minutesAgo * 60_000),
    ],
  );
}

const results = async (): Promise<ToolResult[]> => (await readResults(database.pool, [run]))[0] ?? [];
const read = async () => (await results()).map(({ attempt }) => attempt);

test('a result says which call it is of, what was asked and returned, and when', async () => {
  await returned({ id: 'one', minutesAgo: 5 });
  assert.deepEqual(await results(), [
    {
      attempt: 'att_one',
      tool: 'ledger.balance',
      args: { account: 'one' },
      result: { balance: 'one' },
      since: new Date('2026-11-02T09:54:59Z'),
      at: new Date('2026-11-02T09:55:00Z'),
      ofThisRequest: true,
    },
  ]);
});

test('only a result of the very message is one of this request', async () => {
  await returned({ id: 'now' });
  await returned({ id: 'before', minutesAgo: 5, message: 'web:local:p1:before:0' });
  assert.deepEqual(
    (await results()).map(({ attempt, ofThisRequest }) => [attempt, ofThisRequest]),
    [
      ['att_now', true],
      ['att_before', false],
    ],
  );
});

test('another session, and a call that did not succeed, returned nothing here', async () => {
  await returned({ id: 'elsewhere', session: 'of somebody else' });
  for (const state of ['planned', 'attempting', 'failed', 'unknown']) await returned({ id: state, state });
  assert.deepEqual(await read(), []);
});

test('the fifty newest results are searched, the newest first', async () => {
  for (let minutesAgo = 54; minutesAgo >= 0; minutesAgo -= 1)
    await returned({ id: `${minutesAgo}`, minutesAgo });
  assert.deepEqual(
    await read(),
    Array.from({ length: 50 }, (_, minutesAgo) => `att_${minutesAgo}`),
  );
});

test('runs that are asked about together get the results of their own sessions, each as many as alone', async () => {
  const other = runOf({ messageId: 'web:local:p2:now:0', sessionKey: 'of another' });
  const none = runOf({ messageId: 'web:local:p3:now:0', sessionKey: 'of a third' });
  for (let minutesAgo = 50; minutesAgo >= 0; minutesAgo -= 1)
    await returned({ id: `${minutesAgo}`, minutesAgo });
  const theirs = { session: other.sessionKey, message: other.messageId };
  await returned({ id: 'early', minutesAgo: 70, ...theirs });
  await returned({ id: 'late', minutesAgo: 60, ...theirs });
  const lists = await readResults(database.pool, [other, none, run, other]);
  const attempts = lists.map((list) => list.map(({ attempt }) => attempt));
  const ours = Array.from({ length: 50 }, (_, minutesAgo) => `att_${minutesAgo}`);
  assert.deepEqual(attempts, [['att_late', 'att_early'], [], ours, ['att_late', 'att_early']]);
  assert.ok(lists.flat().every(({ ofThisRequest }) => ofThisRequest));
});
