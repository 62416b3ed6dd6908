import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'gatehouse-tools-'));
  cpSync(join(repository, 'policies'), join(dir, 'policies'), { recursive: true });
});
after(() => rmSync(dir, { recursive: true, force: true }));

function tools(...args: string[]): { code: number | null; out: string; err: string } {
  const bin = join(repository, 'gateway/cli/gatehouse.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'tools', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: dir, GATEHOUSE_POLICIES_DIR: join(dir, 'policies') },
  });
  return { code: status, out: stdout, err: stderr };
}

/** How many tools ship. */
const shipped = readdirSync(join(repository, 'policies/tools')).length;
const put = (name: string, change: (text: string) => string): string => {
  const file = join(dir, 'policies/tools', name);
  const balance = readFileSync(join(dir, 'policies/tools/ledger.balance.yaml'), 'utf8');
  writeFileSync(file, change(balance.replace('ledger.balance', name.replace('.yaml', ''))));
  return file;
};

test('lint says that the shipped tools are good', () => {
  assert.deepEqual(tools('lint'), { code: 0, out: `${shipped} tools, no faults.\n`, err: '' });
  const json = JSON.parse(tools('lint', '--json').out) as { ok: boolean; tools: string[]; faults: unknown[] };
  assert.deepEqual([json.ok, json.tools.length, json.faults], [true, shipped, []]);
});

test('lint tells every fault of every file with line and remedy, and fails', () => {
  const one = put('a.first.yaml', (text) =>
    text.replace('risk: read', 'risk: harmless').replace('title:', 'titel:'),
  );
  const two = put('a.second.yaml', (text) => text.replace('parameters: []', 'parameters: [args.x]'));
  const { code, out } = tools('lint');
  assert.equal(code, 1);
  assert.match(out, /a\.first\.yaml:1: title: is missing\. Write what people call it/);
  assert.match(out, /a\.first\.yaml:2: titel: is not a field of a tool\. Remove it/);
  assert.match(out, /a\.first\.yaml:4: risk: .*\. Write its risk class/);
  assert.match(out, /a\.second\.yaml:\d+: connector\.parameters: there is no argument `x`/);
  assert.match(out, new RegExp(`5 faults in 2 files; ${shipped} tools are good\\.\n$`));
  const { faults } = JSON.parse(tools('lint', '--json').out) as { faults: Record<string, unknown>[] };
  assert.equal(faults.length, 5);
  for (const fault of faults)
    assert.deepEqual(Object.keys(fault), ['file', 'line', 'field', 'fault', 'remedy']);
  const list = tools('list');
  assert.equal(list.code, 1);
  assert.match(list.err, /a\.first\.yaml:1: [\s\S]*a\.second\.yaml:[\s\S]*GH-CATALOGUE-001/);
  rmSync(one);
  rmSync(two);
});

test('docs writes a page for each tool, in which a file’s text is text', () => {
  const file = put('a.page.yaml', (text) =>
    text
      .replace('title: Balance', "title: '<b>x</b> | [y](javascript:z) `w`'")
      .replace(/description: .*/, 'description: "one\\n# two"'),
  );
  const out = join(dir, 'pages');
  assert.equal(tools('docs', '--out', out).code, 0);
  const pages = readdirSync(out).sort();
  assert.equal(pages.length, shipped + 2);
  assert.deepEqual(pages.slice(0, 2), ['README.md', 'a.page.md']);
  const page = readFileSync(join(out, 'a.page.md'), 'utf8');
  assert.match(page, /^# \\<b\\>x\\<\/b\\> \\\| \\\[y\\\]\(javascript:z\) \\`w\\`$/m);
  assert.match(page, /^one \\# two$/m);
  const pay = readFileSync(join(out, 'ledger.transfer.md'), 'utf8');
  for (const part of [
    /risk `payment`/,
    /\| `payee` \| string .* \| yes \| redirects: where it goes \| Who is paid \|/,
    /one person of approvers other than the requester, 2 different people from 1000\.00 EUR on/,
    /secret `demo\/postgres`/,
    /Doing the call twice with one attempt id has one effect/,
    /"payee": "ACME"/,
  ])
    assert.match(pay, part);
  rmSync(file);
});
