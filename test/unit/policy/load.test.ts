import assert from 'node:assert/strict';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { findOpa, openEpoch, type Policy } from '../../../gateway/policy/index.ts';
import { hashSources, sha256 } from '../../../gateway/policy/sources.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { policiesDir, runOf } from './support.ts';

const opa = await findOpa();
let at: PolicyBench;
let folder: string;
before(async () => {
  at = await policyBench();
});
after(() => at.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-policies-'));
  await cp(policiesDir, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const open = (): Promise<Policy> => at.open({ policiesDir: folder });

test('the committed binary was built from the committed rules', async () => {
  const manifest: unknown = JSON.parse(await readFile(join(policiesDir, 'policy.wasm.json'), 'utf8'));
  assert.deepEqual(manifest, {
    opa: '1.22.2',
    entrypoint: 'gatehouse/decision',
    wasm: sha256(await readFile(join(policiesDir, 'policy.wasm'))),
    ...(await hashSources(policiesDir)),
  });
});

const faults: [string, string, () => Promise<void>][] = [
  ['no binary', 'GH-POLICY-001', () => rm(join(folder, 'policy.wasm'))],
  ['a rule that was changed', 'GH-POLICY-002', () => appendFile(join(folder, 'rego', 'risk.rego'), '\n')],
  [
    'a rule that was added',
    'GH-POLICY-002',
    () => writeFile(join(folder, 'rego', 'new.rego'), 'package gatehouse\n'),
  ],
  ['a rule that is gone', 'GH-POLICY-002', () => rm(join(folder, 'rego', 'demo.rego'))],
  ['a binary that was changed', 'GH-POLICY-002', () => appendFile(join(folder, 'policy.wasm'), 'x')],
  ['no manifest', 'GH-POLICY-002', () => rm(join(folder, 'policy.wasm.json'))],
  ['no approval classes', 'GH-POLICY-011', () => rm(join(folder, 'approvals.yaml'))],
];
for (const [name, code, damage] of faults) {
  test(`start refuses: ${name}`, async () => {
    await damage();
    await assert.rejects(open(), { code });
  });
}

test('a rule that was changed is named with the line, also one that was added or removed', async () => {
  const rule = join(folder, 'rego', 'risk.rego');
  const lines = (await readFile(rule, 'utf8')).split('\n');
  const changed: [RegExp, string[]][] = [
    [/risk\.rego:3 was changed/, lines.with(2, 'nonsense {')],
    [/risk\.rego:1 was changed/, ['', ...lines]],
    [new RegExp(`risk\\.rego:${lines.length - 3} was changed`), lines.slice(0, -4)],
    [new RegExp(`risk\\.rego:${lines.length + 1} was changed`), [...lines, 'x']],
  ];
  for (const [message, text] of changed) {
    await writeFile(rule, text.join('\n'));
    await assert.rejects(open(), { code: 'GH-POLICY-002', message, next: /policy build/ });
  }
});

test(
  'OPA is asked for the reason, where there is one',
  { skip: !opa && 'there is no OPA here' },
  async () => {
    await writeFile(join(folder, 'rego', 'new.rego'), 'package gatehouse\n\ndenials contains x if {\n');
    await assert.rejects(open(), {
      code: 'GH-POLICY-002',
      message: /new\.rego:1 was changed[\s\S]*rego\/new\.rego:\d+: rego_parse_error/,
    });
  },
);

test('a fault in approvals.yaml names file and line', async () => {
  await writeFile(join(folder, 'approvals.yaml'), 'classes:\n  payment:\n    groups: [a]\n    quorum: 0\n');
  await assert.rejects(open(), {
    code: 'GH-POLICY-011',
    message: /approvals\.yaml:4: classes\.payment\.quorum/,
  });
});

test('payments and production writes need two people where approvals.yaml says no number', async () => {
  await writeFile(
    join(folder, 'approvals.yaml'),
    `classes:
  payment: { groups: [a] }
  prod_write: { groups: [a] }
  delete: { groups: [a] }
  access: { groups: [a], fourEyes: true }
  code: { groups: [a], fourEyes: true, quorum: 1 }
`,
  );
  const policy = await open();
  const seen = ['payment', 'prod_write', 'delete', 'access', 'code'].map((risk) => {
    const found = policy.approvalClass(risk);
    return [risk, found?.quorum, found?.fourEyes];
  });
  assert.deepEqual(seen, [
    ['payment', 2, true],
    ['prod_write', 2, true],
    ['delete', 1, false],
    ['access', 2, true],
    ['code', 1, true],
  ]);
});

test('who is asked later belongs to the version of the policy, and shares lie within the deadline', async () => {
  const { version } = await open();
  const file = join(folder, 'approvals.yaml');
  const good = await readFile(file, 'utf8');
  const change = (text: string): Promise<void> =>
    writeFile(file, good.replace('    strict: false\n', `    ${text}\n`));
  await change('escalate: [{ after: 0.5, groups: [approvers] }]');
  assert.notEqual((await open()).version, version);
  for (const share of ['0', '1', '-0.5', '1.5', '.nan']) {
    await change(`remindAt: [${share}]`);
    await assert.rejects(open(), { code: 'GH-POLICY-011', message: /payment\.remindAt\.0/ });
    await change(`escalate: [{ after: ${share}, groups: [approvers] }]`);
    await assert.rejects(open(), { code: 'GH-POLICY-011', message: /payment\.escalate\.0\.after/ });
  }
});

test('a reload that fails keeps rules and tools until one works', async () => {
  const policy = await open();
  const { version } = policy;
  const call = { tool: 'ledger.balance', args: {}, step: 's' };
  const tool = join(folder, 'tools', 'ledger.balance.yaml');
  const good = await readFile(tool, 'utf8');
  await writeFile(tool, good.replace('risk: read', 'risk: harmless'));
  await assert.rejects(policy.reload(), { message: /ledger\.balance\.yaml:\d+: risk/ });
  assert.equal(policy.version, version);
  assert.equal((await policy.judge(at.db.pool, runOf(), call)).verdict.effect, 'allow');
  await writeFile(tool, good.replace('risk: read', 'risk: delete'));
  await policy.reload();
  assert.notEqual(policy.version, version);
  assert.equal((await policy.judge(at.db.pool, runOf(), call)).verdict.effect, 'approve');
});

test('what was judged before a reload is not stored after it', async () => {
  const policy = await open();
  const call = { tool: 'ledger.balance', args: {}, step: 's' };
  const before = await policy.judge(at.db.pool, runOf(), call);
  assert.equal(before.binding.version, policy.version);
  const tool = join(folder, 'tools', 'ledger.balance.yaml');
  await writeFile(tool, (await readFile(tool, 'utf8')).replace('risk: read', 'risk: delete'));
  await policy.reload();
  const store = transaction(at.db.pool, (tx) => policy.storeSpent(tx, before));
  await assert.rejects(store, { name: 'RulesChanged' });
  const { rows } = await at.db.pool.query('select from decisions where id = $1', [before.id]);
  assert.equal(rows.length, 0);
});

test('the epoch outlives a restart, and a lost counter is a bump', async () => {
  const first = openEpoch(folder);
  const bumped = first.bump();
  assert.equal(openEpoch(folder).current(), bumped);
  await writeFile(join(folder, 'epoch'), 'nonsense');
  assert.throws(() => openEpoch(folder), { code: 'GH-POLICY-022' });
});
