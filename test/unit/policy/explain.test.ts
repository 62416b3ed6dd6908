import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sweepRetention } from '../../../gateway/delivery/retention.ts';
import {
  findOpa,
  openCandidate,
  simulate,
  type Explanation,
  type Policy,
} from '../../../gateway/policy/index.ts';
import { flipsOf } from '../../../gateway/policy/flips.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { inputOf, policiesDir, runOf } from './support.ts';

const opa = await findOpa();
let at: PolicyBench;
let db: PolicyBench['db'];
let folder: string;
let policy: Policy;
before(async () => {
  at = await policyBench();
  ({ db, folder } = at);
  policy = await at.open({ clock: () => new Date('2026-11-25T10:00:00Z') });
});
after(() => at.close());

const secret = 'what only the sender should know';
let step = 0;
async function decide(tool: string, args: object, words?: string[]): Promise<string> {
  // Each is a message of its own: only so many requests of one message may wait.
  step += 1;
  const run = runOf({ messageId: `web:local:c1:${step}:0`, ...(words ? { words } : {}) });
  return (await policy.decide(run, { tool, args, step: `s${step}` })).id;
}
const pay = (amount: string): Promise<string> =>
  decide('ledger.transfer', { amount, currency: 'EUR', payee: 'ACME', reference: secret }, [
    'ACME',
    amount,
    'EUR',
  ]);
const flip = (explanation: Explanation, fact: string, to: string): string | undefined =>
  explanation.flips.find((one) => one.fact === fact && one.to === to)?.effect;

test('the input of a decision is kept, of a denied one too, and of a call that no rule saw there is none', async () => {
  const ids = [await pay('120.00'), await decide('customers.export', {}), await decide('no.such.tool', {})];
  const { rows } = await db.pool.query<{ id: string; input: { tool: { name: string } } | null }>(
    'select id, input from decisions where id = any($1)',
    [ids],
  );
  const kept = new Map(rows.map((row) => [row.id, row.input?.tool.name]));
  assert.deepEqual(
    ids.map((id) => kept.get(id)),
    ['ledger.transfer', 'customers.export', undefined],
  );
});

test('an explanation says why, what was seen, and which single fact would change it', async () => {
  const explanation = await policy.explain(await pay('120.00'));
  assert.equal(explanation.effect, 'approve by 1 of approvers');
  assert.deepEqual(
    explanation.reasons.map((reason) => reason.code),
    ['payment_needs_approval'],
  );
  assert.deepEqual(explanation.now?.effect, explanation.effect);
  assert.equal(flip(explanation, 'money', '1000.00 EUR'), 'approve by 2 of approvers');
  assert.equal(flip(explanation, 'money', '999.99 EUR'), undefined);
  assert.equal(flip(explanation, 'actor.standing', 'guest'), 'deny');
  assert.equal(flip(explanation, 'actor.roles', 'viewer'), 'deny');
  assert.equal(
    flip(explanation, 'actor.standing', 'owner'),
    undefined,
    'it changes nothing, so it is not shown',
  );
  const unvouched = explanation.flips.find((one) => one.fact === 'origin of /payee');
  assert.deepEqual(
    [unvouched?.from, unvouched?.to, unvouched?.reasons.includes('value_not_from_requester')],
    ['user', 'unknown', true],
  );
  assert.ok(explanation.tried > explanation.flips.length);
});

test('each flip differs from the input in one fact, also the amount with the argument that holds it', async () => {
  const explanation = await policy.explain(await pay('5000.00'));
  assert.equal(explanation.effect, 'approve by 2 of approvers');
  assert.equal(flip(explanation, 'money', '999.99 EUR'), 'approve by 1 of approvers');
  assert.equal(flip(explanation, 'money', '1000.00 EUR'), undefined);
});

test('of what the session did before and of budgets, what stands in the way is named', () => {
  const input = inputOf({
    session: { tainted: false, outside: false, pendingAsks: 3, cardOpen: false, classesRead: ['personal'] },
    recipients: { count: 1, firstTime: ['/payee'], nobody: false },
    rejectedBefore: true,
    uncovered: true,
    budgets: [
      { name: 'per-day', needed: 500, left: 100, text: '1.00 EUR' },
      { name: 'enough', needed: 500, left: 500, text: '5.00 EUR' },
    ],
    localTime: { day: 'sat', minute: 1 },
  });
  const tried = flipsOf(input, undefined).map(({ fact, from, to }) => `${fact}: ${from} -> ${to}`);
  for (const one of [
    'session.pendingAsks: 3 -> 0',
    'session.classesRead: personal -> none',
    'recipients.firstTime: /payee -> none',
    'rejectedBefore: true -> false',
    'uncovered: true -> false',
    'left of the budget per-day: 100 -> 500',
    'localTime.day: sat -> wed',
    'localTime.minute: 1 -> 720',
  ])
    assert.ok(tried.includes(one), one);
  assert.ok(!tried.some((one) => one.includes('enough')), "what is enough stands in nobody's way");
});

test('where it goes and how much is shown; what it says is only measured', async () => {
  const explanation = await policy.explain(await pay('120.00'));
  const value = Object.fromEntries(explanation.input.map((row) => [row.fact, row.value]));
  assert.equal(value['args/payee (redirects, user)'], 'ACME');
  assert.equal(value['args/amount (sizes, user)'], '120.00');
  assert.match(value['args/reference (content, unknown)'] ?? '', /^32 characters, sha256:[0-9a-f]{12}…$/);
  assert.equal(value['session.tainted'], 'false');
  assert.ok(!JSON.stringify(explanation).includes(secret));
});

test('a decision whose input is gone is explained by its reasons alone, and one that never was is not found', async () => {
  const id = await pay('1.00');
  await db.pool.query('update decisions set input = null where id = $1', [id]);
  const { reasons, input, now, flips } = await policy.explain(id);
  assert.equal(reasons[0]?.code, 'payment_needs_approval');
  assert.deepEqual([input, now, flips], [[], null, []]);
  await assert.rejects(policy.explain('dec_none'), { code: 'GH-POLICY-043', status: 404 });
});

test('what the rules saw goes when the texts go; what somebody still decides about stays', async () => {
  const [old, asked, fresh] = [await pay('2.00'), await pay('3.00'), await pay('4.00')];
  await db.pool.query(`update decisions set created_at = now() - interval '2 hours' where id = any($1)`, [
    [old, asked],
  ]);
  await db.pool.query(
    `insert into approvals (id, root, kind, groups, quorum, run_id, execution_id, node_id, item_index, resume_path, deadline)
     select id, id, 'approve', '{approvers}', 1, run_id, 'e', 'n', 0, '/', now() + interval '1 hour' from decisions where id = $1`,
    [asked],
  );
  const settings = { rawRetentionHours: 1, textRetentionHours: 1 };
  await sweepRetention({ pool: db.pool, settings } as Parameters<typeof sweepRetention>[0]);
  const { rows } = await db.pool.query<{ id: string }>(
    'select id from decisions where input is not null and args is not null and id = any($1)',
    [[old, asked, fresh]],
  );
  assert.deepEqual(rows.map((row) => row.id).sort(), [asked, fresh].sort());
  await db.pool.query('delete from approvals');
});

async function candidate(change: (folder: string) => Promise<void>): Promise<string> {
  const copy = await mkdtemp(join(folder, 'candidate-'));
  await cp(policiesDir, copy, { recursive: true });
  await change(copy);
  return copy;
}
async function edit(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  assert.ok(text.includes(from));
  await writeFile(path, text.replace(from, to));
}
const past = new Date(Date.now() - 3_600_000);

test('the policy in force changes nothing of what it decided', async () => {
  const { changes, decided, withoutInput } = await simulate(
    db.pool,
    await openCandidate(policiesDir, policiesDir),
    past,
  );
  assert.deepEqual(changes, []);
  assert.ok(decided > 4);
  assert.equal(withoutInput, 2);
});

test('a candidate with another limit, a tool of another risk and one less shows each change', async () => {
  await decide('ledger.balance', {});
  await decide('gatehouse.help', {});
  const copy = await candidate(async (at) => {
    await edit(join(at, 'approvals.yaml'), "amount: '1000.00'", "amount: '100.00'");
    await edit(join(at, 'tools/ledger.balance.yaml'), 'risk: read', 'risk: delete');
    await rm(join(at, 'tools/gatehouse.help.yaml'));
  });
  const { changes } = await simulate(db.pool, await openCandidate(copy, policiesDir), past);
  const told = Object.fromEntries(changes.map((one) => [`${one.tool}: ${one.from} -> ${one.to}`, one]));
  assert.deepEqual(Object.keys(told).sort(), [
    'gatehouse.help: allow -> deny',
    'ledger.balance: allow -> approve by 1 of approvers',
    'ledger.transfer: approve by 1 of approvers -> approve by 2 of approvers',
  ]);
  assert.ok(changes.every((one) => !one.looser));
  assert.equal(told['gatehouse.help: allow -> deny']?.reasons[0], 'tool_unknown');
  assert.match(told['ledger.balance: allow -> approve by 1 of approvers']?.examples[0] ?? '', /^dec_/);
});

test('what becomes looser is told first', async () => {
  const copy = await candidate((at) =>
    edit(join(at, 'tools/ledger.transfer.yaml'), 'risk: payment', 'risk: write'),
  );
  const { changes } = await simulate(db.pool, await openCandidate(copy, policiesDir), past);
  assert.equal(changes[0]?.looser, true);
  assert.equal(changes[0]?.to, 'allow');
});

test(
  'rules that were not built are built elsewhere, and the folder stays as it is',
  { skip: !opa && 'there is no OPA here' },
  async () => {
    const copy = await candidate((at) =>
      edit(join(at, 'rego/demo.rego'), '"customers.export"', '"ledger.transfer"'),
    );
    const before = await readdir(copy);
    const wasm = await readFile(join(copy, 'policy.wasm'));
    const { changes } = await simulate(db.pool, await openCandidate(copy, policiesDir), past);
    assert.ok(changes.some((one) => one.tool === 'ledger.transfer' && one.to === 'deny'));
    assert.deepEqual(await readdir(copy), before);
    assert.deepEqual(await readFile(join(copy, 'policy.wasm')), wasm);
  },
);

test('what is no policy is refused by name', async () => {
  const text = join(folder, 'text');
  await writeFile(text, 'x');
  for (const path of [text, join(folder, 'nowhere')])
    await assert.rejects(openCandidate(path, policiesDir), { code: 'GH-POLICY-042' });
});
