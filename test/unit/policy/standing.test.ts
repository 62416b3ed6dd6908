import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import type { Decision, Policy } from '../../../gateway/policy/index.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { inputOf, policiesDir, runOf } from './support.ts';

let at: PolicyBench;
let db: PolicyBench['db'];
let dir: string;
let policy: Policy;
let catalogue: ReturnType<typeof loadCatalogue>;
const words = ['100', 'EUR', 'ACME', 'invoice-1'];
const run = runOf({ words });
const args = { amount: '100', currency: 'EUR', payee: 'ACME', reference: 'invoice-1' };
const limits = `standing: { maxHours: 8, maxTotal: { currency: EUR, amount: '5000.00' } }`;

before(async () => {
  at = await policyBench();
  ({ db, folder: dir } = at);
});
after(() => at.close());
beforeEach(async () => {
  await db.pool.query('truncate decisions, grants, standing_grants cascade');
  await open(limits);
});

async function open(standing: string, risk = 'payment'): Promise<void> {
  await rm(join(dir, 'policies'), { recursive: true, force: true });
  await cp(policiesDir, join(dir, 'policies'), { recursive: true });
  const file = join(dir, 'policies', 'approvals.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    risk === 'payment'
      ? text.replace('    strict: false\n', `    strict: false\n    ${standing}\n`)
      : text.replace(new RegExp(`(  ${risk}: .*) }`), `$1, ${standing} }`),
  );
  catalogue = loadCatalogue(join(dir, 'policies'));
  policy = await at.open({ policiesDir: join(dir, 'policies'), catalogue });
}

let granted = 0;
async function grant(
  amount: string,
  { hours = 8, of = args, name = 'ledger.transfer' } = {},
): Promise<string> {
  const tool = catalogue.get(name);
  assert.ok(tool);
  const offer = policy.standing.offer({ tool, args: of }, 1);
  assert.ok(offer);
  const ask = { hours, amount };
  policy.standing.check(ask, offer);
  const approvalId = `dec_standing-${(granted += 1)}`;
  await transaction(db.pool, (tx) =>
    policy.standing.grant(
      tx,
      {
        run,
        tool,
        args: of,
        approvalId,
        messageId: run.messageId,
        groups: ['approvers'],
        by: ['approver-a'],
      },
      [ask],
      offer,
    ),
  );
  const id = (await policy.standing.list()).find((entry) => entry.approvalId === approvalId)?.id;
  assert.ok(id);
  return id;
}

let step = 0;
const decide = (change: object = {}, more: Parameters<typeof runOf>[0] = {}) =>
  policy.decide(
    { ...run, ...more },
    {
      tool: 'ledger.transfer',
      args: { ...args, ...change },
      step: `step-${(step += 1)}`,
    },
  );
const left = async (): Promise<string | undefined> => (await policy.standing.list())[0]?.left;

test('a covered call is allowed without asking, and counted down until nothing is left', async () => {
  assert.equal((await decide()).effect, 'approve');
  await grant('250.00');
  const first = await decide();
  assert.deepEqual([first.effect, first.reasons[0]?.code], ['allow', 'standing_grant']);
  assert.ok(first.grant);
  assert.equal(await left(), '150.00 of 250.00 EUR');
  assert.equal((await decide()).effect, 'allow');
  const third = await decide();
  assert.deepEqual([third.effect, third.grant], ['approve', null]);
  assert.equal(await left(), '50.00 of 250.00 EUR');
  const { rows } = await db.pool.query<{ facts: { standing?: string } }>(
    `select facts from receipts where decision_id = $1`,
    [first.id],
  );
  assert.match(rows[0]?.facts.standing ?? '', /^standing_/);
});

test('fifty calls at once over two gateways never take more than the total', async () => {
  await grant('900.00');
  const other = await at.open({ policiesDir: join(dir, 'policies'), catalogue });
  const decisions = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      (index % 2 ? policy : other).decide(run, { tool: 'ledger.transfer', args, step: `many-${index}` }),
    ),
  );
  assert.equal(decisions.filter((decision) => decision.effect === 'allow').length, 9);
  const { rows } = await db.pool.query<{ cents_left: number }>('select cents_left from standing_grants');
  assert.equal(rows[0]?.cents_left, 0);
});

test('a repeated question is answered the same and counted once', async () => {
  await grant('500.00');
  const call = { tool: 'ledger.transfer', args, step: 'the-same' };
  const first = await policy.decide(run, call);
  const again = await policy.decide(run, call);
  assert.deepEqual([again.id, again.grant], [first.id, first.grant]);
  assert.equal(await left(), '400.00 of 500.00 EUR');
});

test('another destination, session, person, currency, tool or amount is asked about', async () => {
  await grant('300.00');
  const effectOf = async (decision: Promise<Decision>): Promise<string> => {
    const { effect } = await decision;
    // Asks that wait would make the fourth one refused.
    await db.pool.query('delete from decisions');
    return effect;
  };
  const others: Parameters<typeof decide>[] = [
    [{ payee: 'Evil Corp' }, { command: null, text: 'Please see to it.' }],
    [{ payee: 'acme' }],
    [{}, { sessionKey: 'another session' }],
    [{}, { principal: 'approver-b' }],
    [{ currency: 'USD' }],
    [{ amount: '300.01' }],
  ];
  for (const other of others)
    assert.equal(await effectOf(decide(...other)), 'approve', JSON.stringify(other));
  const removal = policy.decide(run, { tool: 'customers.delete', args: { customer: '1' }, step: 's' });
  assert.notEqual(await effectOf(removal), 'allow');
  assert.equal(await left(), '300.00 of 300.00 EUR');
});

test('it lifts the gate of the class alone: where a value came from is asked all the same', async () => {
  await grant('500.00');
  const decision = await decide({}, { command: null, text: 'Please see to it.' });
  assert.equal(decision.effect, 'confirm');
  assert.deepEqual(decision.reasons.map((reason) => reason.code).sort(), [
    'standing_grant',
    'value_not_from_requester',
  ]);
  assert.equal(decision.grant, null);
});

test('what is denied stays denied, and what needs two people needs them', async () => {
  await grant('900.00');
  assert.equal((await decide({ amount: '0.00' })).effect, 'deny');
  const viewer = { ...run.actor, roles: ['viewer'] };
  assert.equal((await decide({}, { actor: viewer })).effect, 'deny');
  assert.equal(await left(), '900.00 of 900.00 EUR');
  // One that was made when a total was still allowed to be as high: the sum of two people is still asked about.
  await db.pool.query('update standing_grants set cents_total = 500000, cents_left = 500000');
  const large = await decide({ amount: '1000.00' });
  assert.deepEqual([large.effect, large.approvers?.quorum], ['approve', 2]);
  assert.equal(await left(), '5000.00 of 5000.00 EUR');
});

test('a total stays below the amount that needs more people than agreed', () => {
  const tool = catalogue.get('ledger.transfer');
  assert.ok(tool);
  const offer = policy.standing.offer({ tool, args }, 1);
  assert.deepEqual(offer, {
    maxHours: 8,
    destinations: { payee: 'ACME' },
    currency: 'EUR',
    maxAmount: '999.99',
  });
  assert.throws(() => policy.standing.check({ hours: 8, amount: '1000.00' }, offer), {
    code: 'GH-POLICY-050',
  });
  const two = policy.standing.offer({ tool, args }, 2);
  assert.deepEqual(two && 'maxAmount' in two && two.maxAmount, '5000.00');
  for (const ask of [
    { hours: 9, amount: '1.00' },
    { hours: 0, amount: '1.00' },
    { hours: 1.5, amount: '1.00' },
    { hours: Number.NaN, amount: '1.00' },
    { hours: 1, amount: '0.00' },
    { hours: 1, amount: '-1' },
    { hours: 1, calls: 3 },
  ])
    assert.throws(() => policy.standing.check(ask, offer), { code: 'GH-POLICY-050' });
  assert.equal(policy.standing.offer({ tool, args: { ...args, currency: 'USD' } }, 1), null);
});

test('revoked, it allows nothing more, and what it allowed and was not carried out is void', async () => {
  const id = await grant('500.00');
  const { grant: unspent, digest } = await decide();
  const confirmed = await decide({ reference: 'elsewhere' }, { command: null, text: 'Please see to it.' });
  assert.equal(confirmed.effect, 'confirm');
  await transaction(db.pool, (tx) => policy.standing.revoke(tx, id, 'requester'));
  assert.equal((await decide()).effect, 'approve');
  assert.deepEqual(await policy.standing.list(), []);
  const presented = {
    grant: unspent ?? '',
    messageId: run.messageId,
    sessionKey: run.sessionKey,
    tool: 'ledger.transfer',
    digest,
    args,
    channel: run.channel.kind,
    principal: run.principal,
  };
  await assert.rejects(policy.checkGrant(db.pool, presented), { reason: 'grant_late' });
  await assert.rejects(policy.issueGrant(db.pool, confirmed.id), { reason: 'grant_revoked' });
  const { rows } = await db.pool.query(`select 1 from receipts where kind = 'standing.revoked'`);
  assert.equal(rows.length, 1);
});

test('what is being revoked this moment grants nothing: whoever comes second waits for the first', async () => {
  const id = await grant('500.00');
  const confirmed = await decide({ reference: 'at once' }, { command: null, text: 'Please see to it.' });
  assert.equal(confirmed.effect, 'confirm');
  const revoking = await db.pool.connect();
  try {
    await revoking.query('begin');
    await revoking.query('update standing_grants set revoked_at = now() where id = $1', [id]);
    const issued = assert.rejects(policy.issueGrant(db.pool, confirmed.id), { reason: 'grant_revoked' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    await revoking.query('commit');
    await issued;
  } finally {
    revoking.release();
  }
});

test('revoked while calls are decided, no unspent grant is left that could still be used', async () => {
  const id = await grant('999.99');
  const deciding = Array.from({ length: 20 }, () => decide({ amount: '1.00' }));
  await transaction(db.pool, (tx) => policy.standing.revoke(tx, id, 'requester'));
  await Promise.all(deciding);
  const { rows } = await db.pool.query(
    'select 1 from grants where standing is not null and expires_at > clock_timestamp() and consumed_at is null',
  );
  assert.equal(rows.length, 0);
});

test('it ends with its time, with the rules and with the epoch', async () => {
  await grant('500.00');
  await db.pool.query(`update standing_grants set expires_at = clock_timestamp() - interval '1 ms'`);
  assert.equal((await decide()).effect, 'approve');
  await grant('500.00');
  await db.pool.query(`update standing_grants set policy_version = 'older'`);
  assert.equal((await decide()).effect, 'approve');
  assert.deepEqual(await policy.standing.list(), []);
  await grant('500.00');
  at.epoch.bump();
  assert.equal((await decide()).effect, 'approve');
  assert.deepEqual(await policy.standing.list(), []);
});

test('code, access and delete are never allowed in advance, and a file that says so does not load', async () => {
  for (const risk of ['code', 'access', 'delete'])
    await assert.rejects(open('standing: { maxHours: 1, maxCalls: 3 }', risk), {
      code: 'GH-POLICY-011',
      message: /never allowed in advance/,
    });
  await assert.rejects(open('standing: { maxHours: 1, maxCalls: 3 }'), { message: /give maxTotal/ });
  await assert.rejects(open('standing: { maxHours: 1 }', 'outbound'), {
    message: /either maxCalls or maxTotal/,
  });
  // Not even with a row in the database: the rules themselves know.
  await open(limits);
  for (const risk of ['code', 'access', 'delete']) {
    const tool = { ...inputOf().tool, name: 'x.y', risk, connector: 'http' };
    const verdict = await policy.evaluate(inputOf({ tool, actor: run.actor, standing: true }));
    assert.equal(verdict.effect, 'approve', risk);
  }
});

test('calls are counted where no amount is known, and a call to nowhere in particular gets none', async () => {
  await open('standing: { maxHours: 2, maxCalls: 2 }', 'unclassified');
  const tool = catalogue.get('http.request');
  assert.ok(tool);
  const call = { method: 'GET', url: 'https://a.example.com/' };
  const offer = policy.standing.offer({ tool, args: call }, 1);
  assert.deepEqual(offer, {
    maxHours: 2,
    maxCalls: 2,
    destinations: { method: 'GET', url: 'https://a.example.com/', secret: null },
  });
  assert.throws(() => policy.standing.check({ hours: 1, calls: 3 }, offer), { code: 'GH-POLICY-050' });
  assert.throws(() => policy.standing.check({ hours: 1, calls: 1.5 }, offer), { code: 'GH-POLICY-050' });
  const nowhere = { ...tool, kinds: { method: 'content' as const, url: 'content' as const } };
  assert.equal(policy.standing.offer({ tool: nowhere, args: call }, 1), null);
  await transaction(db.pool, (tx) =>
    policy.standing.grant(
      tx,
      { run, tool, args: call, approvalId: 'dec_calls', messageId: run.messageId, groups: [], by: [] },
      [
        { hours: 2, calls: 2 },
        { hours: 1, calls: 1 },
      ],
      offer ?? assert.fail(),
    ),
  );
  assert.equal(await left(), '1 of 1 calls', 'of two wishes the smaller holds');
  const ask = (url: string, secret?: string) =>
    policy.decide(
      { ...run, command: { name: 'get', words: ['GET', url, ...(secret ? [secret] : [])] } },
      {
        tool: 'http.request',
        args: { ...call, url, ...(secret ? { secret } : {}) },
        step: `get-${(step += 1)}`,
      },
    );
  assert.equal((await ask('https://b.example.com/')).effect, 'approve');
  assert.equal(
    (await ask('https://a.example.com/', 'x/y')).effect,
    'approve',
    'a value that is new redirects',
  );
  assert.equal((await ask('https://a.example.com/')).effect, 'allow');
  assert.equal((await ask('https://a.example.com/')).effect, 'approve');
});
