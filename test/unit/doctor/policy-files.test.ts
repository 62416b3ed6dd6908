import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readPolicyFiles } from '../../../gateway/doctor/index.ts';
import { policiesDir } from '../policy/support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policy-files-'));
  await cp(policiesDir, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const now = new Date('2026-11-02T10:00:00Z');
/** Each fault of these files as a line of its own. */
async function told(files: Record<string, string>): Promise<string[]> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const { faults } = await readPolicyFiles(folder, now);
  return faults.flatMap(({ message }) => message.match(/[\w.]+\.yaml:\d+: .*/g) ?? [message]);
}
const override = (expires: string): string =>
  `overrides:\n  - { rule: role_reads_only, owner: nobody, expires: ${expires}, reason: the ledger is moved }\n`;

test('the files that ship have no fault, and are told with their versions', async () => {
  const { faults, people, beside } = await readPolicyFiles(folder, now);
  assert.deepEqual(faults, []);
  assert.ok(people?.get('requester'));
  assert.equal(new Set(beside).size, 3);
});

for (const [name, text] of Object.entries({
  'automations.yaml': 'automations: [',
  'limits.yaml': 'default: [',
})) {
  test(`a fault that two rooms find in ${name} is told once`, async () => {
    const lines = await told({ [name]: text });
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', new RegExp(`^${name}:1: `));
  });
}

test('what is missing from automations.yaml is told once', async () => {
  assert.deepEqual((await told({ 'automations.yaml': 'automation: []\n' })).length, 1);
});

test('a schedule that calls a tool which is not there is told with its line, by the tools of the same folder', async () => {
  const file = (tool: string): string => `automations:
  - name: glance
    display: A glance
    owner: requester
    schedule: { cron: '0 7 * * *', timezone: Europe/Berlin, call: { tool: ${tool} } }
`;
  const [line = '', ...more] = await told({ 'automations.yaml': file('ledger.balanse') });
  assert.match(line, /^automations\.yaml:5: .*there is no tool ledger\.balanse/);
  assert.deepEqual(more, []);
  assert.deepEqual(await told({ 'automations.yaml': file('ledger.balance') }), []);
});

test('two faults of one file, each of another room’s part, are both told', async () => {
  const entry =
    '{ name: A, display: A, owner: o, workflow: w, tools: [{ tool: x, args: { a: { pattern: "(" } } }] }';
  const lines = await told({ 'automations.yaml': `automations:\n  - ${entry}\n` });
  assert.equal(lines.length, 2, lines.join('\n'));
  assert.ok(lines.some((line) => line.includes('automations.0.name')));
  assert.ok(lines.some((line) => /automations\.0\.tools.*regular expression/.test(line)));
});

test('a fault of one file hides none of another, and all are told at once', async () => {
  const lines = await told({
    'approvals.yaml': 'classes: [',
    'limits.yaml': 'pendingAsks: 0\n',
    'people.yaml': 'people: none\n',
    'overrides.yaml': 'overrides: none\n',
    'tools/ledger.balance.yaml': 'name: ledger.balance\n',
  });
  for (const name of ['approvals', 'limits', 'people', 'overrides', 'ledger.balance'])
    assert.ok(
      lines.some((line) => line.startsWith(`${name}.yaml:`)),
      `${name}: ${lines.join('\n')}`,
    );
  assert.equal(new Set(lines).size, lines.length);
});

test('an override needs an owner who is there, until it is over', async () => {
  assert.match(
    (await told({ 'overrides.yaml': override('2026-11-02') })).join('\n'),
    /^overrides\.yaml:2: .*no nobody in people\.yaml/,
  );
  assert.deepEqual(await told({ 'overrides.yaml': override('2026-11-01') }), []);
});
