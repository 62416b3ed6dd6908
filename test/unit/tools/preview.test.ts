import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createApprovals, type Approvals, type Card } from '../../../gateway/approvals/index.ts';
import { parseTool } from '../../../gateway/catalogue/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import type { Delivery } from '../../../gateway/delivery/index.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import type { Preview } from '../../../gateway/policy/index.ts';
import { createPeople } from '../../../gateway/sessions/index.ts';
import { createPreviews, createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { policiesDir, runOf } from '../policy/support.ts';
import { bench, type Bench } from './support.ts';

let at: Bench;
let approvals: Approvals;
let tools: Tools;
let message = 0;
/** What people were told, requester and approvers alike. */
const said: string[] = [];

const run = (): ReturnType<typeof runOf> => ({
  ...runOf({ messageId: `web:local:p1:${message}:0`, words: ['120', 'EUR', 'ACME', 'invoice-42', '7'] }),
  runId,
  sessionKey: `preview-${message}`,
});
let runId = uuidv7();
const payment = { tool: 'ledger.transfer', args: pay('ACME') };
const deletion = { tool: 'customers.delete', args: { customer: '7' } };

function pay(payee: string): Record<string, string> {
  return { amount: '120.00', currency: 'EUR', payee, reference: 'invoice-42' };
}

const notify: Delivery['notify'] = async (_tx, { principal, body }) => {
  const text =
    typeof body === 'function'
      ? (await body({ channel: 'web', account: 'local', id: principal })).text
      : body.text;
  said.push(`${principal}: ${text}`);
  return 1;
};

before(async () => {
  at = await bench();
  const people = await createPeople({ pool: at.db.pool, policiesDir });
  approvals = createApprovals({
    pool: at.db.pool,
    signals: { on: () => () => undefined },
    policy: at.policy,
    catalogue: at.catalogue,
    people,
    preview: (call) => at.deps.preview(call),
    delivery: {
      reply: (_tx, { body }) => Promise.resolve((said.push(`requester: ${body.text}`), null)),
      notify,
      notifyAll: (tx, notices) => Promise.all(notices.map((notice) => notify(tx, notice))),
      runContext: () => Promise.resolve(null),
      runWaiting: () => Promise.resolve(),
      runResumed: () => Promise.resolve(true),
      runAgain: () => Promise.resolve(true),
      runDone: () => Promise.resolve(true),
    },
    settings: { publicUrl: 'https://gate.example.com', n8nUrl: 'http://127.0.0.1:9', approvalSeconds: 600 },
    signingSecret: `whsec_${Buffer.from('a signing secret of the tests....').toString('base64')}`,
    clock: () => new Date(),
    log: createLogger('silent'),
  });
  at.deps.approvals = approvals;
  tools = createTools(at.deps);
});
after(() => at.close());
beforeEach(() => {
  message += 1;
  runId = uuidv7();
  said.length = 0;
});

type Call = typeof payment | typeof deletion | { tool: string; args: Record<string, string> };

/** Decides a call and asks about it. */
async function asked(call: Call): Promise<{ id: string; state: string; reason: string | null }> {
  const decision = await at.policy.decide(run(), { ...call, step: 'check:0:0' });
  assert.match(decision.effect, /approve|confirm/);
  const { id } = decision;
  const executionId = `${message}`;
  const path = `/webhook-waiting/${executionId}/n?approval=${id}&signature=feed`;
  const gate = { executionId, nodeId: 'n', items: [{ decision: id, resumePath: path }] };
  const [made] = (await approvals.register(run(), gate)).approvals;
  return { id, state: made?.state ?? '', reason: made?.outcome?.reason ?? null };
}

async function vote(id: string): Promise<string> {
  const ballot = { approvalId: id, verdict: 'approve' as const, channel: 'web' };
  const card = await approvals.card(id);
  const { binding } = card;
  for (const principal of card.approvers.map((one) => one.principal).slice(0, card.quorum)) {
    await approvals.vote({ ...ballot, principal, shownDigest: binding });
  }
  return (await approvals.card(id)).state;
}

async function approved(call: Call): Promise<string> {
  const { id } = await asked(call);
  assert.equal(await vote(id), 'approved');
  return id;
}

const execute = async (call: Call): Promise<Execution> => {
  const { rows } = await at.db.pool.query<{ id: string }>('select id from grants where message_id = $1', [
    run().messageId,
  ]);
  return tools.execute(run(), { ...call, step: 'x:0:0', grant: rows[0]?.id });
};
const facts = (card: Card): string[] => card.facts.map(({ label, value }) => `${label}: ${value}`);
const payments = async (): Promise<number> =>
  (await at.demo.query(`select from ledger where payee is not null`)).rows.length;
const receipts = async (kind: string): Promise<Record<string, unknown>[]> =>
  (
    await at.db.pool.query<{ facts: Record<string, unknown> }>(
      'select facts from receipts where kind = $1 and message_id = $2 order by arrival',
      [kind, run().messageId],
    )
  ).rows.map((row) => row.facts);
const change = (sql: string): Promise<unknown> => at.demo.query(sql);
const income = (amount: string): Promise<unknown> =>
  at.demo.query(
    `insert into ledger (account, amount, currency, reference, idempotency_key) values ('main', $1, 'EUR', 'in', $2)`,
    [amount, uuidv7()],
  );

test('the card of a payment shows the balance before and after, and that the payee is new', async () => {
  const { id } = await asked(payment);
  const card = await approvals.card(id, 'approver-a');
  assert.deepEqual(facts(card).slice(-3), [
    'Balance now: 25,000.00 EUR',
    'Balance after: 24,880.00 EUR',
    'This payee: never paid before',
  ]);
  assert.match(card.preview, /^Looked up at \d\d:\d\d UTC, and again before it is done/);
  assert.match(said.join('\n'), /approver-a: .*Looked up at/s);
});

test('the other tools show the record, the recipients, and the price before and after', async () => {
  const shown = async (call: Call): Promise<string> =>
    facts(await approvals.card((await asked(call)).id)).join(', ');
  assert.match(await shown(deletion), /Name: Customer 7, Now: active, Notes about them: 0$/);
  message += 1;
  assert.match(
    await shown({ tool: 'newsletter.send', args: { subject: 'New hours', body: 'From Monday on' } }),
    /Recipients: 12$/,
  );
  message += 1;
  assert.match(
    await shown({ tool: 'prices.update', args: { product: 'team', price: '59.00' } }),
    /Price now: 49\.00 EUR, Price after: 59\.00 EUR$/,
  );
});

test('a tool without a preview says so', async () => {
  const { id } = await asked({ tool: 'http.request', args: { method: 'GET', url: 'https://example.com/' } });
  assert.match((await approvals.card(id)).preview, /^No preview: What a host would do/);
});

test('what is unchanged runs, with the secret lent and given back for each look', async () => {
  await approved(payment);
  const done = await execute(payment);
  assert.equal(done.status, 'succeeded', done.text);
  const [first, second, third] = await receipts('secret.lease');
  assert.ok(String(first?.attempt).startsWith('prv_') && String(second?.attempt).startsWith('prv_'));
  assert.equal(third?.attempt, done.attempt);
  assert.deepEqual(
    (await receipts('preview')).map((found) => found.state),
    ['shown', 'shown'],
  );
  const open = await at.db.pool.query('select from leases where ended_at is null');
  assert.equal(open.rowCount, 0);
});

test('attack: the balance changes after the approval; nothing is paid, and it is asked again', async () => {
  const before = await payments();
  const id = await approved(payment);
  await income('1.00');
  said.length = 0;
  const held = await execute(payment);
  assert.equal(held.status, 'needs_approval');
  assert.equal(held.reasons?.[0]?.code, 'preview_changed');
  assert.match(held.text ?? '', /Balance now was 24,880\.00 EUR and is 24,881\.00 EUR now\./);
  assert.ok(held.decision && held.decision !== id);
  for (const who of ['requester', 'approver-a', 'approver-b'])
    assert.ok(
      said.some((text) => text.startsWith(`${who}: `) && text.includes('is 24,881.00 EUR now')),
      who,
    );
  // Not even once all is as it was.
  await change(`delete from ledger where reference = 'in'`);
  const again = await execute(payment);
  assert.deepEqual([again.status, again.decision], ['needs_approval', held.decision]);
  assert.equal(await payments(), before);
  assert.equal((await receipts('approval.outdated')).length, 1);
  assert.match((await approvals.card(id)).preview, /^It does not hold any more\. Balance now was/);
  // The new decision has a card with the new numbers, and runs once it is approved.
  const decision = String(held.decision);
  const path = `/webhook-waiting/again-${message}/n?approval=${decision}&signature=feed`;
  await approvals.register(run(), {
    executionId: `again-${message}`,
    nodeId: 'n',
    items: [{ decision, resumePath: path }],
  });
  assert.equal(await vote(decision), 'approved');
  assert.equal((await tools.execute(run(), { ...payment, step: 'x:0:0' })).status, 'succeeded');
});

test('attack: more recipients, another price, another record than was approved', async () => {
  const cases: [Call, string, string, RegExp][] = [
    [
      { tool: 'newsletter.send', args: { subject: 'New hours', body: 'From Monday on' } },
      `insert into customers (id, name, email) values (99, 'Late', 'late@example.com')`,
      `delete from customers where id = 99`,
      /Recipients was 12 and is 13 now/,
    ],
    [
      { tool: 'prices.update', args: { product: 'team', price: '59.00' } },
      `update prices set price = 39 where product = 'team'`,
      `update prices set price = 49 where product = 'team'`,
      /Price now was 49\.00 EUR and is 39\.00 EUR now/,
    ],
    [
      deletion,
      `update customers set name = 'Other' where id = 7`,
      `update customers set name = 'Customer 7' where id = 7`,
      /Name was Customer 7 and is Other now/,
    ],
  ];
  for (const [call, sql, undo, expected] of cases) {
    message += 1;
    await approved(call);
    await change(sql);
    const held = await execute(call);
    await change(undo);
    assert.equal(held.reasons?.[0]?.code, 'preview_changed');
    assert.match(held.text ?? '', expected);
  }
});

test('attack: what is stored is changed after people were asked; no vote counts', async () => {
  const attacks = [
    `update approvals set preview = jsonb_set(preview, '{facts,2,value}', '"paid 90 times before"') where id = $1`,
    `update approvals set deadline = deadline + interval '1 day' where id = $1`,
    `update approvals set requester = 'approver-b' where id = $1`,
    `update decisions set session_key = 'other' where id = $1`,
    `update decisions set policy_version = 'sha256:old' where id = $1`,
    `update decisions set epoch = epoch + 1 where id = $1`,
    `update decisions set args = jsonb_set(args, '{amount}', '"1.00"') where id = $1`,
    `update approvals set binding = null where id = $1`,
  ];
  for (const sql of attacks) {
    message += 1;
    const { id } = await asked(payment);
    const { binding } = await approvals.card(id);
    await at.db.pool.query(sql, [id]);
    const ballot = { approvalId: id, verdict: 'approve' as const, channel: 'web', principal: 'approver-a' };
    await assert.rejects(approvals.vote(ballot), { code: 'GH-APPROVAL-050' }, sql);
    await assert.rejects(approvals.vote({ ...ballot, shownDigest: binding }), sql);
    assert.equal((await approvals.card(id)).state, 'cancelled', sql);
    const spare = await at.db.pool.query('select from grants where decision_id = $1', [id]);
    assert.equal(spare.rowCount, 0, sql);
  }
});

test('attack: what is stored is changed after people approved; the grant does not open', async () => {
  const attacks: [string, string][] = [
    [
      `update approvals set preview = jsonb_set(preview, '{facts,2,value}', '"paid 90 times before"') where id = $1`,
      'preview_changed',
    ],
    [
      `update approvals set preview = '{"state":"none","text":null,"facts":[],"at":""}' where id = $1`,
      'grant_other_binding',
    ],
    [`update approvals set deadline = deadline + interval '1 day' where id = $1`, 'grant_other_binding'],
    [`update grants set binding = null where decision_id = $1`, 'grant_other_binding'],
    [`delete from approvals where id = $1`, 'grant_other_binding'],
    [`update grants set policy_version = 'sha256:old' where decision_id = $1`, 'grant_old_rules'],
    [`update grants set epoch = epoch - 1 where decision_id = $1`, 'grant_old_epoch'],
  ];
  const before = await payments();
  for (const [sql, code] of attacks) {
    message += 1;
    const id = await approved(payment);
    await at.db.pool.query(sql, [id]);
    assert.equal((await execute(payment)).reasons?.[0]?.code, code, sql);
  }
  assert.equal(await payments(), before);
});

test('attack: a restore bumps the epoch; a grant that is moved into the new one does not open', async () => {
  const id = await approved(payment);
  at.epoch.bump();
  assert.equal((await execute(payment)).reasons?.[0]?.code, 'grant_old_epoch');
  await at.db.pool.query('update grants set epoch = $2 where decision_id = $1', [id, at.epoch.current()]);
  assert.equal((await execute(payment)).reasons?.[0]?.code, 'grant_other_binding');
});

test('attack: a vote that was given for another binding makes up no quorum', async () => {
  const { id } = await asked({ tool: 'prices.update', args: { product: 'team', price: '59.00' } });
  const ballot = { approvalId: id, verdict: 'approve' as const, channel: 'web' };
  await approvals.vote({ ...ballot, principal: 'approver-a' });
  await at.db.pool.query(
    `update votes set shown_digest = 'sha256:${'0'.repeat(64)}' where approval_id = $1`,
    [id],
  );
  assert.equal((await approvals.vote({ ...ballot, principal: 'approver-b' })).state, 'pending');
});

test('a system that is down: payments are not asked about blind, and an approval waits for it', async () => {
  const url = (await at.store.get('demo/postgres')) ?? '';
  const away = Object.assign(new URL(url), { port: '1' }).href;
  const id = await approved(payment);
  const first = message;
  await at.store.set('demo/postgres', away);
  const refused = await execute(payment);
  assert.equal(refused.reasons?.[0]?.code, 'preview_unavailable');
  message += 1;
  const blind = await asked(payment);
  assert.equal(blind.state, 'cancelled');
  assert.match(blind.reason ?? '', /cannot be looked up, so nobody was asked\..*\(preview_unavailable\)/);
  assert.ok(!said.some((text) => text.startsWith('approver-a: ') && text.includes(blind.id)));
  message += 1;
  // Others are asked, and the card says it in words.
  const mail = await asked({ tool: 'newsletter.send', args: { subject: 'New hours', body: 'Monday' } });
  assert.equal(mail.state, 'pending');
  assert.equal((await approvals.card(mail.id)).preview, 'The system of record cannot be reached.');
  await at.store.set('demo/postgres', url);
  const last = message;
  message = first;
  assert.equal((await execute(payment)).status, 'succeeded', `the approval ${id} still holds`);
  message = last;
});

test('a record that is not there is not asked about', async () => {
  const gone = await asked({ tool: 'customers.delete', args: { customer: '12345' } });
  assert.equal(gone.state, 'cancelled');
  assert.match(gone.reason ?? '', /There is no such customer\. \(preview_missing\)/);
});

test('a kill switch stops the look as well', async () => {
  await at.policy.setKillSwitch({
    engaged: true,
    reason: 'drill',
    by: 'admin',
    target: 'tool:ledger.transfer',
  });
  const { state, reason } = await asked(payment).catch(() => ({ state: 'denied', reason: 'kill switch' }));
  await at.policy.setKillSwitch({
    engaged: false,
    reason: 'over',
    by: 'admin',
    target: 'tool:ledger.transfer',
  });
  assert.notEqual(state, 'pending');
  assert.match(reason ?? '', /kill switch/i);
  assert.deepEqual(await receipts('secret.lease'), []);
});

const writing: [string, string][] = [
  ['a function that writes', 'select pg_temp.nothing() as found'],
  ['a second statement', 'select 1) as x; rollback; truncate prices; select (1'],
  [
    'a writing CTE',
    `with gone as (delete from prices returning product) select count(*)::int as found from gone`,
  ],
  ['a way out of read-only', `select set_config('transaction_read_only', 'off', false) as found`],
  ['a lock', `select product as found from prices where product = 'team' for update`],
  ['a row too many', 'select product as found from prices'],
  ['a column too many', '1 as other, 1 as found'],
];
for (const [name, statement] of writing) {
  test(`attack: a preview that is ${name} shows nothing and changes nothing`, async () => {
    await at.demo.query(`create or replace function wipe() returns int language sql as
      $$ update prices set price = 0; select 1 $$; grant execute on function wipe() to public`);
    const sql = statement.replace('pg_temp.nothing()', 'wipe()').replace(/^1 as/, 'select 1 as');
    const tool = parseTool(
      'prices.update.yaml',
      // What the file's check refuses reaches the connector here all the same.
      `${toolText}preview: { statement: select 1 as found, columns: { found: { label: Found } } }\n`,
    );
    const bad = { ...tool, preview: { ...tool.preview, statement: sql } } as typeof tool;
    const preview = createPreviews({ ...at.deps, pool: at.db.pool, catalogue: { get: () => bad } });
    const decision = await at.policy.decide(run(), { ...priceCall, step: 'w:0:0' });
    const found: Preview = await preview({
      decisionId: decision.id,
      messageId: run().messageId,
      principal: 'requester',
      ...priceCall,
    });
    assert.equal(found.state, 'unavailable', JSON.stringify(found));
    const { rows } = await at.demo.query<{ price: string }>(`select price from prices order by price`);
    assert.deepEqual(
      rows.map((row) => row.price),
      ['9.00', '49.00', '490.00'],
    );
  });
}

const priceCall = { tool: 'prices.update', args: { product: 'team', price: '59.00' } };
const toolText = `
name: prices.update
title: Change a price
description: Changes a price.
risk: prod_write
args:
  type: object
  properties:
    product: { type: string, maxLength: 30 }
    price: { type: string, maxLength: 15 }
  required: [product, price]
  additionalProperties: false
kinds: { product: selects, price: sizes }
sentence: Change the price of {product} to {price} EUR
done: Done.
idempotencyKey: attempt
secret: demo/postgres
connector: { kind: postgres, statement: 'select $1, $2', parameters: [args.product, args.price], returns: row }
`;
