import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import {
  buildPolicy,
  coverageBar,
  findOpa,
  installOpa,
  loadBuiltRules,
  runRuleTests,
  runTables,
} from '../../../gateway/policy/index.ts';
import { policiesDir } from './support.ts';

const opa = (await findOpa()) ?? '';
const skip = opa === '' && 'there is no OPA on this machine';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-policy-test-'));
  await cp(policiesDir, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const tables = async (): ReturnType<typeof runTables> =>
  runTables(folder, loadCatalogue(folder), await loadBuiltRules(folder, new Date('2026-11-02')));

test('every test of the shipped rules passes, and reaches nearly all of their lines', { skip }, async () => {
  const { results, coverage, uncovered } = await runRuleTests(opa, policiesDir);
  assert.deepEqual(
    results.filter(({ problem }) => problem !== null),
    [],
  );
  assert.ok(results.length > 0);
  assert.ok((coverage ?? 0) >= coverageBar, `${coverage} %; no test reaches ${uncovered.join(', ')}`);
});

test('every row of the shipped tables holds', async () => {
  const results = await tables();
  assert.ok(results.length > 0);
  assert.deepEqual(
    results.filter(({ problem }) => problem !== null),
    [],
  );
});

test('a rule without a test is named by its lines, and lowers the coverage', { skip }, async () => {
  const rule =
    '\ndenials contains {"code": "never", "text": "Never."} if {\n\tinput.tool.name == "never.called"\n}\n';
  const before = (await readFile(join(folder, 'rego', 'demo.rego'), 'utf8')).split('\n').length;
  await appendFile(join(folder, 'rego', 'demo.rego'), rule);
  const { coverage, uncovered } = await runRuleTests(opa, folder);
  assert.ok(coverage !== null && coverage < 100);
  assert.deepEqual(uncovered, [`rego/demo.rego:${before + 1}`, `rego/demo.rego:${before + 2}`]);
});

test('a test that fails, of a shipped or an own rule, is named with its line', { skip }, async () => {
  await mkdir(join(folder, 'local'));
  await writeFile(
    join(folder, 'local', 'a.rego'),
    'package local.a\n\ndenials contains {"code": "c", "text": "T."} if input.x\n',
  );
  await writeFile(
    join(folder, 'local', 'a_test.rego'),
    'package local.a_test\n\ntest_it_never_denies if {\n\tcount(data.local.a.denials) == 0 with input as {"x": true}\n}\n',
  );
  const { results, coverage } = await runRuleTests(opa, folder);
  assert.deepEqual(
    results.filter(({ problem }) => problem !== null),
    [{ where: 'local/a_test.rego:3', says: 'it never denies', problem: 'the rule does not hold' }],
  );
  assert.equal(coverage, null);
});

test(
  'a row that does not hold says what holds instead, also where an own rule is the reason',
  { skip },
  async () => {
    await mkdir(join(folder, 'local'));
    await writeFile(
      join(folder, 'local', 'a.rego'),
      'package local.a\n\ndenials contains {"code": "no_reading", "text": "T."} if input.tool.risk == "read"\n',
    );
    await buildPolicy(opa, folder);
    const failed = (await tables()).filter(({ problem }) => problem !== null);
    assert.equal(failed.length, 2);
    assert.match(failed[0]?.where ?? '', /^tests\/gates\.yaml:\d+$/);
    assert.equal(failed[0]?.problem, 'it is deny (no_reading), and not allow (read_allowed)');
  },
);

test('what docs/policy.md shows is built, and passes its own tests', { skip }, async () => {
  const page = await readFile(join(policiesDir, '..', 'docs', 'policy.md'), 'utf8');
  const shown = [...page.matchAll(/`policies\/([\w./]+)`[^`]*```(?:rego|yaml)\n(.*?)```/gs)];
  assert.deepEqual(
    shown.map(([, file]) => file),
    ['local/office.rego', 'local/office_test.rego', 'tests/office.yaml', 'overrides.yaml'],
  );
  await mkdir(join(folder, 'local'));
  for (const [, file = '', text = ''] of shown) await writeFile(join(folder, file), text);
  await buildPolicy(opa, folder);
  const { results } = await runRuleTests(opa, folder);
  const rows = await tables();
  assert.equal(results.filter(({ where }) => where.startsWith('local/')).length, 2);
  assert.ok(rows.some(({ where }) => where === 'tests/office.yaml:2'));
  assert.deepEqual(
    [...results, ...rows].filter(({ problem }) => problem !== null),
    [],
  );
});

const faults: [says: string, row: string, message: RegExp][] = [
  [
    'a tool that is not there',
    '{ says: a, tool: ledger.burn, effect: deny, codes: [x] }',
    /there is no tool/,
  ],
  [
    'an argument that is not the tool’s',
    '{ says: a, tool: ledger.balance, args: { a: 1 }, effect: deny, codes: [x] }',
    /argument/,
  ],
  [
    'another quorum',
    '{ says: a, tool: customers.delete, args: { customer: "7" }, typed: "7", effect: approve, codes: [delete_needs_approval], quorum: 2 }',
    /quorum is 1/,
  ],
];
for (const [says, row, message] of faults) {
  test(`a row fails for ${says}`, async () => {
    await writeFile(join(folder, 'tests', 'gates.yaml'), `tests:\n  - ${row}\n`);
    const [result] = await tables();
    assert.equal(result?.where, 'tests/gates.yaml:2');
    assert.match(result.problem ?? '', message);
  });
}

test('a table that cannot be read is refused with file and line', async () => {
  await writeFile(
    join(folder, 'tests', 'gates.yaml'),
    'tests:\n  - says: a\n    tool: b.c\n    effect: maybe\n    codes: [x]\n',
  );
  await assert.rejects(tables(), { code: 'GH-POLICY-019', message: /gates\.yaml:4: tests\.0\.effect/ });
});

test('an OPA whose source is another one is not built', async (t) => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  // A Go that downloads what it is asked for, with another checksum, and would build it.
  const go = `#!/bin/sh\n[ "$1" = mod ] && echo '{"Sum":"h1:other"}' || touch "${folder}/built"\n`;
  await writeFile(join(bin, 'go'), go, { mode: 0o755 });
  const { PATH, XDG_CACHE_HOME } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
    if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  });
  process.env.PATH = `${bin}:${PATH}`;
  process.env.XDG_CACHE_HOME = folder;
  await assert.rejects(installOpa(), { code: 'GH-POLICY-018', next: /Nothing was built/ });
  await assert.rejects(readFile(join(folder, 'built')), { code: 'ENOENT' });
});
