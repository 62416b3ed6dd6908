import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { loadCatalogue, type Tool } from '../../../gateway/catalogue/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { destinationsOf } from '../../../gateway/policy/destinations.ts';
import { noFacts, readFacts, type Facts } from '../../../gateway/policy/facts.ts';
import { questionOf, type Question } from '../../../gateway/policy/question.ts';
import { reserve } from '../../../gateway/policy/reservations.ts';
import { settleFacts } from '../../../gateway/policy/settle-facts.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { policiesDir, runOf } from './support.ts';

const catalogue = loadCatalogue(policiesDir);
let db: TestDatabase;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());

type Where = Parameters<typeof runOf>[0];
const ask = (run: Where, tool: string, args: object): Question =>
  questionOf(catalogue, runOf(run), { tool, args, step: 's' });
const reply = (sessionKey: string): Question => ask({ sessionKey }, 'conversation.reply', { text: 'Hello' });
const pay = (payee: string, run: Where = {}): Question =>
  ask(run, 'ledger.transfer', { amount: '1', currency: 'EUR', payee, reference: 'r' });
const facts = (...questions: Question[]): Promise<Facts[]> =>
  readFacts(db.pool, { catalogue, budgets: [] }, questions);
const only = async (question: Question): Promise<Facts> => (await facts(question))[0] ?? noFacts;

const nothing: Facts = {
  session: { tainted: false, outside: false, classesRead: [], pendingAsks: 0, cardOpen: false },
  waiting: { asks: 0, confirms: 0 },
  rejectedBefore: false,
  budgets: [],
  uncovered: false,
  firstTime: [],
  charges: [],
  standing: null,
};

async function ended(
  sessionKey: string,
  tool: string,
  state: 'succeeded' | 'failed' | 'unknown' = 'succeeded',
  args: Record<string, unknown> = {},
  decisionId: string = randomUUID(),
): Promise<void> {
  const found = catalogue.get(tool);
  const destinations = found ? destinationsOf(found, args).map(({ digest }) => digest) : [];
  await transaction(db.pool, (tx) =>
    settleFacts(tx, { decisionId, sessionKey, tool, destinations, tokens: null }, state),
  );
}

/** A decision that asks, and its approval where the state of one is given. */
async function asked(question: Question, state: string | null, effect = 'approve'): Promise<void> {
  const id = randomUUID();
  const { messageId, sessionKey, principal } = question.run;
  await db.pool.query(
    `insert into decisions (id, message_id, run_id, session_key, principal, step, tool, args, digest, effect, reasons,
       approvers, provenance, policy_version, epoch, expires_at)
     values ($1, $2, $3, $4, $5, $1, $6, $7, 'sha256:0', $8, '[]', null, '{}', 'v', 1, now() + interval '1 hour')`,
    [id, messageId, randomUUID(), sessionKey, principal, question.call.tool, question.canonical, effect],
  );
  if (state === null) return;
  await db.pool.query(
    `insert into approvals (id, root, state, kind, groups, quorum, requester, run_id, execution_id, node_id, item_index,
       resume_path, deadline)
     values ($1, $1, $2, 'approve', '{approvers}', 1, $3, $4, 'e', 'n', 0, '/', now() + interval '1 hour')`,
    [id, state, principal, randomUUID()],
  );
}

test('a session is tainted by what a tool returned that nobody vouches for, and no other session is', async () => {
  await ended('clean', 'ledger.balance');
  await ended('read-the-web', 'http.request');
  await ended('failed-on-the-web', 'http.request', 'failed');
  await ended('tool-is-gone', 'a.tool.that.was.removed');
  const sessions = ['clean', 'read-the-web', 'failed-on-the-web', 'tool-is-gone', 'empty'];
  const found = await facts(...sessions.map(reply));
  assert.deepEqual(
    found.map((entry) => entry.session.tainted),
    [false, true, true, true, false],
  );
});

test('a session knows the classes of what it read; of a tool that is gone, the worst', async () => {
  await ended('classes', 'ledger.balance');
  await ended('classes', 'customers.export');
  assert.deepEqual((await only(reply('classes'))).session.classesRead, ['internal', 'personal']);
  assert.deepEqual((await only(reply('tool-is-gone'))).session.classesRead, ['personal']);
});

test('a recipient is known once a call to it succeeded, exactly as it is written', async () => {
  assert.deepEqual((await only(pay('Known'))).firstTime, ['payee']);
  await ended('x', 'ledger.transfer', 'failed', { payee: 'Known' });
  await ended('x', 'ledger.transfer', 'unknown', { payee: 'Known' });
  assert.equal((await db.pool.query('select from destinations')).rows.length, 0);
  assert.deepEqual((await only(pay('Known'))).firstTime, ['payee']);
  await ended('x', 'ledger.transfer', 'succeeded', { payee: 'Known' });
  const [same, otherCase, lookAlike] = await facts(pay('Known'), pay('known'), pay('Knоwn'));
  assert.deepEqual([same?.firstTime, otherCase?.firstTime, lookAlike?.firstTime], [[], ['payee'], ['payee']]);
});

test('a call that failed gives back what it took; one that had an effect, or may have had one, does not', async () => {
  const budgets = [{ name: 'replies', per: 'session' as const, tool: 'conversation.reply', calls: 9 }];
  const left = async (): Promise<number | undefined> => {
    const [found] = await readFacts(db.pool, { catalogue, budgets }, [reply('takes')]);
    return found?.budgets[0]?.left;
  };
  for (const [state, after] of [
    ['succeeded', 8],
    ['unknown', 7],
    ['failed', 7],
  ] as const) {
    const decision = randomUUID();
    const charges = (await readFacts(db.pool, { catalogue, budgets }, [reply('takes')]))[0]?.charges ?? [];
    await transaction(db.pool, (tx) => reserve(tx, decision, charges));
    await ended('takes', 'conversation.reply', state, {}, decision);
    assert.equal(await left(), after, state);
  }
});

test('what was rejected while a message is served is known, however its target is written', async () => {
  const run = { messageId: 'web:local:c1:rejected:0' };
  await asked(pay('Mallory', run), 'rejected');
  await asked(pay('Alice', run), 'approved');
  const found = await facts(
    pay('Mallory', run),
    pay(' MALLORY', run),
    pay('Alice', run),
    pay('Bob', run),
    pay('Mallory', { messageId: 'web:local:c1:another:0' }),
    ask(run, 'customers.delete', { customer: '7' }),
  );
  assert.deepEqual(
    found.map((entry) => entry.rejectedBefore),
    [true, true, false, false, false, false],
  );
});

test('asks that wait are counted by session, those that nobody was told of by message', async () => {
  const run = { sessionKey: 'waits', messageId: 'web:local:c1:waits:0' };
  await asked(pay('A', run), 'pending');
  await asked(pay('B', { ...run, messageId: 'web:local:c1:waits:1' }), 'pending');
  await asked(pay('C', run), null);
  await asked(pay('D', run), 'approved');
  await asked(pay('E', run), null, 'confirm');
  await asked(pay('F', run), null, 'deny');
  const [same, later, other] = await facts(
    pay('X', run),
    pay('X', { ...run, messageId: 'web:local:c1:waits:2' }),
    pay('X', { sessionKey: 'waits-elsewhere' }),
  );
  assert.deepEqual(
    [same, later, other].map((entry) => entry?.waiting),
    [
      { asks: 3, confirms: 1 },
      { asks: 2, confirms: 0 },
      { asks: 0, confirms: 0 },
    ],
  );
  assert.deepEqual(
    [same, later, other].map((entry) => [entry?.session.pendingAsks, entry?.session.cardOpen]),
    [
      [4, true],
      [2, false],
      [0, false],
    ],
  );
});

test('a plain read that no budget names asks Postgres nothing; many calls ask once', async () => {
  let trips = 0;
  const counting = {
    query: ((...statement: Parameters<typeof db.pool.query>) => {
      trips += 1;
      return db.pool.query(...statement);
    }) as typeof db.pool.query,
  };
  const balance = ask({}, 'ledger.balance', {});
  const known = { catalogue, budgets: [] };
  assert.deepEqual(await readFacts(counting, known, [balance, ask({}, 'no.such.tool', {})]), [
    nothing,
    nothing,
  ]);
  assert.equal(trips, 0);
  await readFacts(counting, known, [balance, reply('a'), reply('b'), pay('C'), balance]);
  assert.equal(trips, 1);
  const budgets = [{ name: 'reads', per: 'day' as const, tool: 'ledger.balance', calls: 5 }];
  const [counted] = await readFacts(counting, { catalogue, budgets }, [balance]);
  assert.deepEqual(counted?.budgets, [{ name: 'reads', needed: 1, left: 5, text: '5 calls are left today' }]);
  assert.deepEqual(
    counted?.charges.map(({ budget, amount }) => [budget, amount]),
    [['reads', 1]],
  );
});

test('a read that a budget of money names is not covered by it: nobody knows what it costs', async () => {
  const budgets = [
    { name: 'eur', per: 'day' as const, tool: 'ledger.balance', spend: { currency: 'EUR', amount: 5 } },
  ];
  const [found] = await readFacts(db.pool, { catalogue, budgets }, [ask({}, 'ledger.balance', {})]);
  assert.deepEqual([found?.uncovered, found?.budgets], [true, []]);
});

test('a read that leaves for a host, runs code or is told where to go is no plain one', async () => {
  const balance = catalogue.get('ledger.balance') ?? assert.fail();
  const question = ask({ sessionKey: 'read-the-web' }, 'ledger.balance', {});
  for (const change of [
    { connector: { ...balance.connector, kind: 'http' } },
    { connector: { ...balance.connector, kind: 'code' } },
    { kinds: { to: 'redirects' } },
    { risk: 'write' },
  ] as Partial<Tool>[]) {
    const found = await only({ ...question, tool: { ...balance, ...change } });
    assert.equal(found.session.tainted, true, JSON.stringify(change));
  }
  assert.equal((await only(question)).session.tainted, false);
});

test('an argument that names several new recipients is named once, and one that names known ones not at all', async () => {
  const balance = catalogue.get('ledger.balance') ?? assert.fail();
  const tool: Tool = { ...balance, name: 'mail.send', kinds: { to: 'redirects', cc: 'redirects' } };
  const mail = (args: object): Question => ({
    ...ask({}, 'ledger.balance', {}),
    tool,
    call: { tool: tool.name, args, step: 's' },
  });
  assert.deepEqual((await only(mail({ to: ['a', 'b'], cc: ['c'] }))).firstTime, ['to', 'cc']);
  await transaction(db.pool, (tx) =>
    settleFacts(
      tx,
      {
        decisionId: randomUUID(),
        sessionKey: 'mails',
        tool: tool.name,
        destinations: destinationsOf(tool, { to: ['a', 'b'] }).map(({ digest }) => digest),
        tokens: null,
      },
      'succeeded',
    ),
  );
  assert.deepEqual((await only(mail({ to: ['a', 'b'], cc: ['a'] }))).firstTime, ['cc']);
});
