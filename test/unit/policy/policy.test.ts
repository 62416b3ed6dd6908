import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import type { Policy, Presented, RunContext } from '../../../gateway/policy/index.ts';
import type { Judgement } from '../../../gateway/policy/judge.ts';
import type { PolicyPart } from '../../../gateway/policy/revisions.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { inputOf, policiesDir, policiesWith, runOf } from './support.ts';

let at: PolicyBench;
before(async () => {
  at = await policyBench();
});
after(() => at.close());

type Context = Parameters<typeof policiesWith>[1];
const shipped = (file: string): Promise<string> => readFile(join(policiesDir, file), 'utf8');
/** The shipped policies with one text of a file replaced. */
async function edited(file: string, from: string, to: string, context: Context): Promise<string> {
  const text = await shipped(file);
  assert.ok(text.includes(from), `${file} does not hold ${from}`);
  return policiesWith({ [file]: text.replace(from, to) }, context);
}
const override = `overrides:
  - { rule: role_reads_only, owner: approver-a, expires: 2026-11-05, reason: while the ledger is moved }
`;
const clock = (): Date => new Date('2026-11-02T10:00:00Z');

let messages = 0;
/** Each is a message and a session of its own, so that no test waits for another's requests. */
function fresh(change: Parameters<typeof runOf>[0] = {}): RunContext {
  messages += 1;
  return runOf({
    messageId: `web:local:c1:policy-${messages}:0`,
    sessionKey: `session-${messages}`,
    ...change,
  });
}
const code = { tool: 'code.run', args: { language: 'python', code: '1' }, step: 's' };
const balance = { tool: 'ledger.balance', args: {}, step: 's' };
const codesOf = ({ reasons }: { reasons: { code: string }[] }): string[] =>
  reasons.map((reason) => reason.code);

test('all that decides is part of the version: tools, classes, limits, what is lifted, and the files beside', async (context) => {
  const { version } = await at.open({ clock });
  assert.equal((await at.open({ clock })).version, version);
  const folders = [
    await edited('tools/ledger.balance.yaml', 'risk: read', 'risk: write', context),
    await edited('approvals.yaml', "amount: '1000.00'", "amount: '999.00'", context),
    await edited('limits.yaml', 'pendingAsks: 3', 'pendingAsks: 4', context),
    await policiesWith({ 'overrides.yaml': override }, context),
  ];
  const versions = [];
  for (const folder of folders) versions.push((await at.open({ clock, policiesDir: folder })).version);
  let beside = ['a', 'b'];
  const policy = await at.open({ clock, beside: () => beside });
  versions.push(policy.version);
  beside = ['a', 'c'];
  versions.push(policy.version);
  assert.equal(new Set([version, ...versions]).size, versions.length + 1);
  for (const one of versions) assert.match(one, /^sha256:[0-9a-f]{64}$/);
});

test('each part is admitted before it is used, what is lifted only where something is', async (context) => {
  const admitted: string[] = [];
  let refused: PolicyPart | null = null;
  const admit = (part: PolicyPart) => (digest: string) => {
    if (part === refused) return Promise.reject(new Error(`no ${part}`));
    assert.match(digest, /^(sha256:)?[0-9a-f]{64}$/);
    admitted.push(part);
    return Promise.resolve();
  };
  await at.open({ clock, admit });
  assert.deepEqual(admitted.splice(0), ['rules', 'approvals', 'tools']);
  const folder = await policiesWith({ 'overrides.yaml': override }, context);
  const policy = await at.open({ clock, admit, policiesDir: folder });
  assert.deepEqual(admitted, ['rules', 'approvals', 'tools', 'overrides']);
  const { version } = policy;
  await writeFile(
    join(folder, 'tools/ledger.balance.yaml'),
    (await shipped('tools/ledger.balance.yaml')).replace('risk: read', 'risk: delete'),
  );
  for (refused of ['rules', 'approvals', 'tools', 'overrides'] as const) {
    await assert.rejects(policy.reload(), { message: `no ${refused}` });
    assert.equal(policy.version, version);
    assert.equal((await policy.decide(fresh(), balance)).effect, 'allow', refused);
  }
  refused = null;
  await policy.reload();
  assert.equal((await policy.decide(fresh(), balance)).effect, 'approve');
  assert.notEqual(policy.version, version);
});

test('tools and rules are of one reading, also where the catalogue was read before', async (context) => {
  const folder = await policiesWith({}, context);
  const catalogue = loadCatalogue(folder);
  const text = (await shipped('tools/ledger.balance.yaml')).replace('risk: read', 'risk: delete');
  await writeFile(join(folder, 'tools/ledger.balance.yaml'), text);
  const policy = await at.open({ policiesDir: folder, catalogue });
  assert.equal(catalogue.get('ledger.balance')?.risk, 'delete');
  assert.equal((await policy.decide(fresh(), balance)).effect, 'approve');
});

test('where nobody says otherwise it decides as in production', async (context) => {
  const lax = 'code: { groups: [approvers], quorum: 1, strict: false, confirmIn: [development] }';
  const folder = await edited(
    'approvals.yaml',
    'code: { groups: [approvers], quorum: 1, strict: false }',
    lax,
    context,
  );
  const effect = async (environment?: 'development' | 'production') =>
    (
      await (
        await at.open({ policiesDir: folder, ...(environment && { environment }) })
      ).decide(fresh(), code)
    ).effect;
  assert.deepEqual(
    [await effect(), await effect('production'), await effect('development')],
    ['approve', 'approve', 'confirm'],
  );
});

test('hours of a class are those of its zone', async (context) => {
  const folder = await edited(
    'approvals.yaml',
    'code: { groups: [approvers], quorum: 1, strict: false }',
    `code: { groups: [approvers], quorum: 1, strict: false, hours: { days: [mon], from: '08:00', to: '18:00', zone: Asia/Tokyo, otherwise: deny } }`,
    context,
  );
  const decided = async (time: string) => {
    const policy = await at.open({ policiesDir: folder, clock: () => new Date(time) });
    return (await policy.decide(fresh(), code)).effect;
  };
  assert.equal(await decided('2026-11-02T08:00:00Z'), 'approve');
  assert.equal(await decided('2026-11-02T10:00:00Z'), 'deny', 'it is evening in Tokyo');
});

test('a call that takes the place of one that waits is not one more', async () => {
  const policy = await at.open();
  const run = fresh();
  for (const step of ['a', 'b', 'c'])
    assert.equal((await policy.decide(run, { ...code, step })).effect, 'approve');
  assert.deepEqual(codesOf(await policy.decide(run, { ...code, step: 'd' })), ['too_many_asks']);
  const instead = await transaction(at.db.pool, (tx) => policy.decideWithin(tx, run, { ...code, step: 'e' }));
  assert.equal(instead.effect, 'approve');
  const more = await transaction(at.db.pool, (tx) => policy.decideWithin(tx, run, { ...code, step: 'f' }));
  assert.deepEqual(codesOf(more), ['too_many_asks'], 'four wait by now');
  const { rows } = await at.db.pool.query('select from decisions where id = any($1)', [
    [instead.id, more.id],
  ]);
  assert.equal(rows.length, 2);
});

test('what its requester has to confirm is asked, with the reason; what is asked or denied stays so', async () => {
  const policy = await at.open();
  const why = { code: 'changed_by_other', text: 'Somebody else changed what you asked for.' };
  const decided = (call: typeof balance | typeof code, reason?: typeof why) =>
    transaction(at.db.pool, (tx) => policy.decideWithin(tx, fresh(), call, reason));
  const confirmed = await decided(balance, why);
  assert.deepEqual(
    [confirmed.effect, confirmed.reasons, confirmed.approvers, confirmed.grant],
    ['confirm', [why], null, null],
  );
  const { rows } = await at.db.pool.query('select from grants where decision_id = $1', [confirmed.id]);
  assert.equal(rows.length, 0);
  const allowed = await decided(balance);
  assert.deepEqual([allowed.effect, codesOf(allowed)], ['allow', ['read_allowed']]);
  assert.ok(allowed.grant);
  const { rows: seen } = await at.db.pool.query<{ waits: number }>(
    `select (input -> 'session' ->> 'pendingAsks')::int as waits from decisions where id = $1`,
    [allowed.id],
  );
  assert.deepEqual(seen, [{ waits: 0 }], 'it took the place of nothing');
  assert.deepEqual(codesOf(await decided(code, why)), ['code_needs_approval']);
  assert.equal((await decided({ ...balance, tool: 'customers.export' }, why)).effect, 'deny');
});

test('who watches sees each decision once, after it was stored', async () => {
  const seen: string[] = [];
  const shadow = { observe: (list: readonly Judgement[]) => seen.push(...list.map(({ id }) => id)) };
  const policy = await at.open({ shadow });
  const run = fresh();
  const first = await policy.decide(run, balance);
  await policy.decide(run, balance);
  const judged = await policy.judge(at.db.pool, fresh(), balance);
  assert.deepEqual(seen, [first.id], 'what is only judged is no decision');
  await transaction(at.db.pool, (tx) => policy.storeSpent(tx, judged));
  assert.deepEqual(seen, [first.id, judged.id]);
});

/** A grant of a reply, as its execution presents it. */
async function granted(policy: Policy, run: RunContext): Promise<Presented> {
  const args = { text: 'hi' };
  const decision = await policy.decide(run, { tool: 'conversation.reply', args, step: 's' });
  assert.ok(decision.grant);
  return {
    grant: decision.grant,
    messageId: run.messageId,
    sessionKey: run.sessionKey,
    channel: run.channel.kind,
    principal: run.principal,
    tool: decision.tool,
    digest: decision.digest,
    args,
    binding: null,
  };
}

test('a call that a budget has no more room for is refused with what is left; other failures are not explained', async (context) => {
  const limits = `budgets:
  - { name: replies, per: person-day, tool: conversation.reply, calls: 1 }
  - { name: writes, per: person-day, risk: write, calls: 1 }
  - { name: plenty, per: person-day, risk: write, calls: 9 }
`;
  const folder = await policiesWith({ 'limits.yaml': limits }, context);
  const policy = await at.open({ policiesDir: folder });
  // Both were decided while there was room.
  const [first, second] = [await granted(policy, fresh()), await granted(policy, fresh())];
  const spend = (call: Presented) =>
    transaction(at.db.pool, (tx) => Promise.resolve(policy.consumeGrant(tx, call)));
  await spend(first);
  const failure: unknown = await spend(second).then(
    () => assert.fail('it was spent'),
    (error: unknown) => error,
  );
  await assert.rejects(policy.explainRefusal(at.db.pool, failure, second), {
    reason: 'budget_exceeded',
    message:
      'The call would exceed its budget. replies: 0 calls are left today; writes: 0 calls are left today.',
  });
  await policy.explainRefusal(at.db.pool, new Error('the connection is gone'), second);
  await at.db.pool.query('update budgets set used = 0');
  await assert.rejects(policy.explainRefusal(at.db.pool, failure, second), {
    reason: 'budget_exceeded',
    message: 'The call would exceed its budget.',
  });
  await spend(second);
  await assert.rejects(policy.explainRefusal(at.db.pool, { code: '22012' }, second), {
    reason: 'grant_spent',
  });
  await policy.explainRefusal(at.db.pool, new Error('the connection is gone'), second);
});

test('a grant of a tool that is gone from the catalogue takes nothing from budgets', async () => {
  const policy = await at.open();
  const call = { ...(await granted(policy, fresh())), tool: 'no.such.tool' };
  const failure: unknown = await transaction(at.db.pool, (tx) =>
    Promise.resolve(policy.consumeGrant(tx, call)),
  ).catch((error: unknown) => error);
  await assert.rejects(policy.explainRefusal(at.db.pool, failure, call), { reason: 'grant_other_call' });
});

test('an answer that was given to a question stays, though approvers allowed the same meanwhile', async (context) => {
  const folder = await edited(
    'approvals.yaml',
    '    strict: false\n',
    `    strict: false\n    standing: { maxHours: 8, maxTotal: { currency: EUR, amount: '900.00' } }\n`,
    context,
  );
  const seen: string[] = [];
  const shadow = { observe: (list: readonly Judgement[]) => seen.push(...list.map(({ id }) => id)) };
  const policy = await at.open({ policiesDir: folder, shadow });
  const run = fresh({ words: ['100', 'EUR', 'ACME', 'invoice-1'] });
  const args = { amount: '100', currency: 'EUR', payee: 'ACME', reference: 'invoice-1' };
  const pay = { tool: 'ledger.transfer', args, step: 's' };
  const before = await policy.decide(run, pay);
  assert.equal(before.effect, 'approve');
  const tool = loadCatalogue(folder).get('ledger.transfer') ?? assert.fail();
  const offer = policy.standing.offer({ tool, args }, 1) ?? assert.fail();
  const from = { run, tool, args, approvalId: before.id, messageId: run.messageId, groups: [], by: ['a'] };
  await transaction(at.db.pool, (tx) =>
    policy.standing.grant(tx, from, [{ hours: 1, amount: '500.00' }], offer),
  );
  const left = async () => (await policy.standing.list())[0]?.left;
  assert.deepEqual((await policy.decide(run, pay)).id, before.id);
  assert.equal(await left(), '500.00 of 500.00 EUR');
  const advised = await policy.decide(run, { ...pay, step: 'advised', advisory: true });
  assert.equal(advised.effect, 'approve', 'what something else runs is not counted down');
  const next = await policy.decide(run, { ...pay, step: 'next' });
  assert.equal(next.effect, 'allow');
  assert.equal(await left(), '400.00 of 500.00 EUR');
  assert.deepEqual(seen, [before.id, advised.id, next.id]);
});

test('people are held against the classes when it starts, when it reloads and when they change', async (context) => {
  const nobody = { get: () => undefined, byGroups: () => [] };
  const somebody = { get: () => ({}), byGroups: () => ['a', 'b'] };
  await assert.rejects(at.open({ people: nobody }), { code: 'GH-POLICY-011' });
  const folder = await policiesWith({}, context);
  const policy = await at.open({ people: somebody, policiesDir: folder });
  policy.checkPeople(somebody);
  assert.throws(() => policy.checkPeople(nobody), { code: 'GH-POLICY-011' });
  await policy.reload();
  await assert.rejects(policy.reload(nobody), { code: 'GH-POLICY-011' });
  const limits = await shipped('limits.yaml');
  await writeFile(join(folder, 'limits.yaml'), limits.replace('pendingAsks: 3', 'pendingAsks: 7'));
  assert.equal(policy.mostAsks(), 3);
  await policy.reload();
  assert.equal(policy.mostAsks(), 7);
  assert.equal((await policy.decide(fresh(), balance)).policy.version, policy.version);
  let changed = false;
  const leaving = { get: () => ({}), byGroups: () => (changed ? [] : ['a', 'b']) };
  const other = await at.open({ people: leaving });
  changed = true;
  await assert.rejects(other.reload(), { code: 'GH-POLICY-011' });
  assert.equal((await at.open()).approvalClass('payment')?.quorum, 1);
  assert.equal((await at.open()).approvalClass('read'), undefined);
});

test('whoever answers for an override is among the people, when it starts and when they change', async (context) => {
  const folder = await policiesWith({ 'overrides.yaml': override }, context);
  const people = {
    get: (principal: string) => (principal === owner ? {} : undefined),
    byGroups: () => ['a', 'b'],
  };
  let owner = 'somebody-else';
  await assert.rejects(at.open({ clock, people, policiesDir: folder }), { code: 'GH-POLICY-017' });
  owner = 'approver-a';
  const policy = await at.open({ clock, people, policiesDir: folder });
  policy.checkPeople(people);
  owner = 'somebody-else';
  assert.throws(() => policy.checkPeople(people), { code: 'GH-POLICY-017' });
  await assert.rejects(policy.reload(), { code: 'GH-POLICY-017' });
});

test('an overview says what each role may do with each tool, under which rules', async () => {
  const policy = await at.open();
  const { version, rules, roles, tools } = await policy.overview(['member', 'viewer', 'guest']);
  assert.equal(version, policy.version);
  assert.deepEqual(roles, ['member', 'viewer', 'guest']);
  assert.ok(rules.length > 0);
  const effects = Object.fromEntries(tools.map((tool) => [tool.name, tool.effects]));
  assert.deepEqual(effects['ledger.transfer'], ['approve by 1 of approvers', 'deny', 'deny']);
  assert.deepEqual(effects['ledger.balance'], ['allow', 'allow', 'deny']);
});

test('the smallest amount of an overview is one of a currency that the class knows', async (context) => {
  const folder = await edited('approvals.yaml', 'currency: EUR', 'currency: CHF', context);
  const { tools } = await (await at.open({ policiesDir: folder })).overview(['member']);
  const pay = tools.find(({ name }) => name === 'ledger.transfer');
  assert.deepEqual(pay?.effects, ['approve by 1 of approvers']);
});

test('rules that run in process have nothing to let go of', async () => {
  const policy = await at.open();
  await policy.stop();
  assert.equal((await policy.evaluate(inputOf())).effect, 'allow');
});

test('the rules alone are asked about what could be', async () => {
  const policy = await at.open();
  assert.equal((await policy.evaluate(inputOf())).effect, 'allow');
  assert.equal(
    (await policy.evaluate(inputOf({ actor: { ...runOf().actor, standing: 'unknown', principal: null } })))
      .effect,
    'deny',
  );
});
