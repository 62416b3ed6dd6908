import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, GatehouseError } from '../../../gateway/config/index.ts';
import { testDatabase } from '../../support/postgres.ts';

/** What is written for one call of the logger. */
function written(error: unknown): string {
  let line = '';
  const log = createLogger('info', 'test', { write: (text) => void (line += text) });
  log.error({ err: error, args: { payee: 'canary' }, message: { text: 'canary' } }, 'it failed');
  return line;
}

test("an error keeps its kind, its place and its cause's, and never what was being worked on", () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5439'), {
    code: 'ECONNREFUSED',
    payload: { text: 'canary' },
  });
  const line = written(new GatehouseError('GH-STORE-001', 'It cannot be reached.', { cause }));
  assert.match(line, /GH-STORE-001/);
  assert.match(line, /ECONNREFUSED/);
  assert.match(line, /log\.test\.ts:\d+/);
  assert.doesNotMatch(line, /canary/);
});

test('what Postgres quotes of a row is withheld; its code and table are not', async () => {
  const database = await testDatabase();
  try {
    const statements = [
      `select '{"text":"canary'::jsonb`,
      `select 'canary'::int`,
      `insert into messages (id, channel, event, state) values ('1', 'web', 'created', 'canary')`,
      `insert into kill_switch values (true, '{"canary": 1}')`,
    ];
    for (const statement of statements) {
      const error: unknown = await database.pool.query(statement).then(
        () => assert.fail('it fails'),
        (reason: unknown) => reason,
      );
      const line = written(error);
      assert.doesNotMatch(line, /canary/, statement);
      assert.match(line, /"code":"2[23]/);
    }
  } finally {
    await database.drop();
  }
});

test('what JSON could not read is withheld', () => {
  let error: unknown;
  try {
    JSON.parse('canary');
  } catch (thrown) {
    error = thrown;
  }
  assert.doesNotMatch(written(error), /canary/);
});
