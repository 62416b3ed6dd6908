import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadCatalogue, riskClasses } from '../../../gateway/catalogue/index.ts';
import { loadEngine } from '../../../gateway/policy/engine.ts';
import { askPolicy } from '../../../gateway/policy/fail-closed.ts';
import { readPolicyData, type PolicyInput, type Verdict } from '../../../gateway/policy/index.ts';
import { readOverrides } from '../../../gateway/policy/overrides.ts';
import { inputOf, policiesDir, runOf } from './support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-overrides-'));
  await cp(policiesDir, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const now = new Date('2026-11-02T10:00:00Z');
const lift = (rule: string, more = ''): Promise<void> =>
  writeFile(
    join(folder, 'overrides.yaml'),
    `overrides:\n  - rule: ${rule}\n    owner: approver-a\n    expires: 2026-11-05\n    reason: while the ledger is moved\n${more}`,
  );
const viewer = inputOf({
  tool: { ...inputOf().tool, name: 'customers.note', risk: 'write' },
  actor: { ...runOf().actor, roles: ['viewer'] },
});
const remove: Partial<PolicyInput> = {
  tool: { ...inputOf().tool, name: 'customers.delete', risk: 'delete' },
  actor: { ...viewer.actor, roles: ['member'] },
};
const ask = async (input: Partial<PolicyInput> = {}): Promise<unknown> => {
  const { data } = await readPolicyData(folder, now);
  const { effect, reasons }: Verdict = await askPolicy(
    (await loadEngine(folder, data)).engine,
    { ...viewer, ...input },
    () => 0,
  );
  return [effect, ...reasons.map(({ code }) => code)];
};

test('without the file nothing is lifted', async () => {
  assert.deepEqual((await readOverrides(folder, now)).list, []);
  assert.deepEqual(await ask(), ['deny', 'role_reads_only']);
});

test('a denial is lifted until the end of the last day, and not a second longer', async () => {
  await lift('role_reads_only');
  assert.deepEqual(await ask(), ['allow', 'write_allowed']);
  assert.deepEqual(await ask({ now: '2026-11-05T23:59:59Z' }), ['allow', 'write_allowed']);
  assert.deepEqual(await ask({ now: '2026-11-06T00:00:00Z' }), ['deny', 'role_reads_only']);
});

test('a question that is lifted is answered by whoever answers for it', async () => {
  assert.deepEqual(await ask(remove), ['approve', 'delete_needs_approval']);
  await lift('delete_needs_approval');
  assert.deepEqual(await ask(remove), ['allow', 'override']);
  assert.deepEqual(await ask({ ...remove, now: '2026-12-01T00:00:00Z' }), [
    'approve',
    'delete_needs_approval',
  ]);
  const stranger = { ...runOf().actor, standing: 'unknown' as const };
  assert.deepEqual(await ask({ ...remove, actor: stranger }), ['deny', 'actor_unknown']);
  // What else asks still does.
  const leaves = [{ at: '/customer', arg: 'customer', kind: 'selects', origin: 'unknown' as const }];
  const from = { ...remove, args: { customer: '7' }, leaves };
  assert.deepEqual(await ask(from), ['confirm', 'value_not_from_requester']);
});

test('only the tools that are named are lifted, and two overrides of one rule stand side by side', async () => {
  const second =
    '  - rule: role_reads_only\n    tools: [prices.update]\n    owner: approver-b\n    expires: 2026-11-10\n    reason: also for the other one\n';
  await lift('role_reads_only', `    tools: [customers.note]\n${second}`);
  assert.deepEqual(await ask(), ['allow', 'write_allowed']);
  assert.deepEqual(await ask({ tool: { ...viewer.tool, name: 'crm.third' } }), ['deny', 'role_reads_only']);
  const other = { ...viewer.tool, name: 'prices.update' };
  assert.deepEqual(await ask({ tool: other, now: '2026-11-09T00:00:00Z' }), ['allow', 'write_allowed']);
});

for (const rule of [
  'actor_unknown',
  'nobody_to_ask',
  'amount_missing',
  'amount_not_positive',
  'two_approvers',
  'two_approvers_currency',
  'value_not_from_requester',
  'value_in_other_role',
  'text_names_host',
  'text_holds_secret',
  'advisory_strict',
]) {
  test(`${rule} cannot be lifted`, async () => {
    await lift(rule);
    await assert.rejects(readOverrides(folder, now), {
      code: 'GH-POLICY-017',
      message: /overrides\.yaml:2: overrides\.0\.rule: this rule cannot be lifted/,
    });
  });
}

const shipped = loadCatalogue(policiesDir).read();

test('an override of a rule that there is not is refused, and so is one of what only permits', async () => {
  for (const rule of ['role_read_only', 'read_allowed', 'read_needs_approval', 'own_rule']) {
    await lift(rule);
    await assert.rejects(readPolicyData(folder, now), {
      code: 'GH-POLICY-017',
      message: /overrides\.yaml:2: overrides\.0\.rule: no shipped rule .* docs\/policy\.md/,
    });
  }
});

test('one of a tool that there is not is refused with the line of the tool', async () => {
  await lift('role_reads_only', '    tools:\n      - customers.note\n      - customer.note\n');
  await assert.rejects(readPolicyData(folder, now), {
    code: 'GH-POLICY-017',
    message: /overrides\.yaml:8: overrides\.0\.tools\.1: there is no tool customer\.note; .*tools list/,
  });
});

test('one for which nobody answers is refused', async () => {
  await lift('role_reads_only');
  const { overrides } = await readPolicyData(folder, now);
  overrides.check({ get: (principal) => (principal === 'approver-a' ? {} : undefined) });
  assert.throws(() => overrides.check({ get: () => undefined }), {
    code: 'GH-POLICY-017',
    message: /overrides\.yaml:3: overrides\.0\.owner: there is no approver-a in people\.yaml/,
  });
});

test('all of it is told at once', async () => {
  await lift('no_such_rule', '    tools: [none]\n');
  await assert.rejects(readPolicyData(folder, now), {
    message: /overrides\.0\.rule.*\n.*overrides\.0\.tools\.0/,
  });
});

test('what expired names what it likes: it lifts nothing, and does not keep the others from being read', async () => {
  await lift('gone_rule', '    tools: [gone.tool]\n');
  const later = new Date('2026-11-06T00:00:00Z');
  const { overrides } = await readPolicyData(folder, later);
  assert.equal(overrides.list.length, 1);
  overrides.check({ get: () => undefined });
  await assert.rejects(readPolicyData(folder, new Date(later.getTime() - 1000)), { code: 'GH-POLICY-017' });
});

test('an override can name the gate of each class that has one, and of no other', async () => {
  const { engine } = await loadEngine(folder, (await readPolicyData(folder, now)).data);
  const money = { cents: 100, currency: 'EUR' };
  const gates = [];
  for (const risk of riskClasses) {
    const input = { ...viewer, ...remove, money, tool: { ...inputOf().tool, name: 'x', risk } };
    const { reasons } = await askPolicy(engine, input, () => 0);
    const gate = `${risk}_needs_approval`;
    const asks = reasons.some(({ code }) => code === gate);
    if (asks) gates.push(gate);
    await lift(gate);
    const read = readOverrides(folder, now, shipped);
    await (asks ? read : assert.rejects(read, { code: 'GH-POLICY-017' }));
  }
  assert.equal(gates.length, riskClasses.length - 2, 'all but reads and writes of one’s own work');
});

const entry = { rule: 'role_reads_only', owner: 'a', expires: '2026-11-05', reason: 'because of the move' };
const broken: [says: string, change: Record<string, unknown>, message: RegExp][] = [
  ['no owner', { owner: undefined }, /:\d+: overrides\.0\.owner/],
  ['no expiry', { expires: undefined }, /overrides\.0\.expires/],
  ['no reason', { reason: undefined }, /overrides\.0\.reason/],
  ['a reason that says nothing', { reason: 'x' }, /overrides\.yaml:5: .*ten letters/],
  ['an expiry that is no day', { expires: 'never' }, /overrides\.yaml:4: .*YYYY-MM-DD/],
  ['an expiry beyond a year', { expires: '2028-01-01' }, /overrides\.yaml:4: .*a year/],
  ['a pattern of rules', { rule: '"*"' }, /overrides\.yaml:2: /],
  ['an empty list of tools', { tools: '[]' }, /name a tool/],
  ['another key', { until: 'x' }, /overrides\.yaml:\d+: /],
];
for (const [says, change, message] of broken) {
  test(`a file is refused with its line: ${says}`, async () => {
    const lines = Object.entries({ ...entry, ...change }).filter(([, value]) => value !== undefined);
    const text = lines
      .map(([key, value], index) => `${index === 0 ? '  - ' : '    '}${key}: ${value}`)
      .join('\n');
    await writeFile(join(folder, 'overrides.yaml'), `overrides:\n${text}\n`);
    await assert.rejects(readOverrides(folder, now), { code: 'GH-POLICY-017', message });
  });
}
