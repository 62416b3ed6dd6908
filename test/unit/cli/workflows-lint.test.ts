import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';
import type { Finding } from '../../../gateway/workflows/index.ts';
import { flow } from '../workflows/flow.ts';

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-lint-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const flows = join(dir, 'flows');
mkdirSync(flows);
const calling: [string, object] = ['run', { parameters: { workflowId: 'b' } }];
const called = flow('b', { S: 'called', 'Post\u202eIt': 'slack' }, ['S > Post\u202eIt']);

function lint(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(repository, 'gateway/cli/gatehouse.mjs'), 'workflows', 'lint', ...args],
    {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: dir, GATEHOUSE_UP_DIR: dir, GATEHOUSE_POLICIES_DIR: dir },
    },
  );
  return { code: status, out: stdout, err: stderr };
}

test('without files and without an n8n it looks at the workflows that ship, and finds nothing', () => {
  cpSync(join(repository, 'policies/workflows.yaml'), join(dir, 'workflows.yaml'));
  const { code, out } = lint();
  assert.equal(code, 0);
  assert.match(out, /^\d+ workflows, and a gate stands before each risky node\.\n$/);
});

test('it takes files, lists and folders together, follows calls between them, and ends with 1', () => {
  writeFileSync(join(flows, 'b.json'), JSON.stringify(called));
  const callers = ['a', 'c'].map((id) => flow(id, { W: 'webhook', R: calling } as never, ['W > R']));
  const list = join(dir, 'list.json');
  writeFileSync(list, JSON.stringify(callers));
  const { code, out } = lint(flows, list);
  assert.equal(code, 1);
  assert.match(
    out,
    /^Flow b {2}\(GH-FLOW-006\)\n {2}"Post\\u\{202e\}It" posts messages to people, and "R" of/,
  );
  assert.match(out, /Flow a: W > Flow a: R > S > Post/);
  assert.match(out, /1 node is not governed, in 3 workflows\./);

  const json = lint('--json', flows, list);
  assert.equal(json.code, 1);
  const { findings } = JSON.parse(json.out) as { findings: Finding[] };
  assert.deepEqual(
    findings.map(({ code, workflow }) => [code, workflow.id]),
    [['GH-FLOW-006', 'b']],
  );
});

test('an exemption counts here too, and one that nothing needs is named', () => {
  const exempt = (node: string): string =>
    `  - { workflow: b, node: "${node}", reason: Our own status page., owner: p-1 }\n`;
  writeFileSync(join(dir, 'workflows.yaml'), `exempt:\n${exempt('Post\\u202eIt')}${exempt('Gone')}`);
  const { code, out } = lint(flows);
  rmSync(join(dir, 'workflows.yaml'));
  assert.equal(code, 0);
  assert.match(out, /The exemption of "Gone" in "b" exempts nothing\./);
});

test('what is no workflow is refused by name', () => {
  const odd = join(dir, 'odd.json');
  for (const [text, code] of [
    ['{', 'GH-CLI-027'],
    ['{"name":"x"}', 'GH-FLOW-007'],
    ['7', 'GH-FLOW-007'],
    [JSON.stringify([called, called]), 'GH-CLI-026'],
  ] as const) {
    writeFileSync(odd, text);
    const { code: status, err } = lint(odd);
    assert.equal(status, 1);
    assert.ok(err.includes(code), err);
  }
  assert.match(lint(join(dir, 'missing.json')).err, /missing\.json/);
});
