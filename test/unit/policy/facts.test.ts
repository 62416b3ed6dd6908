import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { readFacts } from '../../../gateway/policy/facts.ts';
import { questionOf } from '../../../gateway/policy/question.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { policiesDir, runOf } from './support.ts';

const catalogue = loadCatalogue(policiesDir);
let db: TestDatabase;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());

const question = (sessionKey: string) =>
  questionOf(catalogue, runOf({ sessionKey }), {
    tool: 'conversation.reply',
    args: { text: 'Hello' },
    step: 's',
  });

async function ran(sessionKey: string, tool: string, state = 'succeeded'): Promise<void> {
  const id = randomUUID();
  await db.pool.query(
    `insert into decisions (id, message_id, run_id, session_key, principal, step, tool, args, digest, effect, reasons,
       approvers, provenance, policy_version, epoch, expires_at)
     values ($1, $1, $2, $3, 'requester', 's', $4, '{}', 'sha256:0', 'allow', '[]', null, '{}', 'v', 1, now())`,
    [id, randomUUID(), sessionKey, tool],
  );
  await db.pool.query(
    `insert into attempts (id, grant_id, decision_id, message_id, step, tool, digest, state, owner)
     values ($1, $1, $1, $1, 's', $2, 'sha256:0', $3, 'test')`,
    [id, tool, state],
  );
}

test('a session is tainted by what a tool returned that nobody vouches for, and no other session is', async () => {
  await ran('clean', 'ledger.balance');
  await ran('read-the-web', 'http.request');
  await ran('failed-on-the-web', 'http.request', 'failed');
  await ran('runs-now', 'http.request', 'started');
  await ran('tool-is-gone', 'a.tool.that.was.removed');
  const sessions = ['clean', 'read-the-web', 'failed-on-the-web', 'runs-now', 'tool-is-gone', 'empty'];
  const facts = await readFacts(db.pool, catalogue, sessions.map(question));
  assert.deepEqual(
    facts.map((entry) => entry.session.tainted),
    [false, true, true, false, true, false],
  );
});
