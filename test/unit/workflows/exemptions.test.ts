import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  findUngoverned,
  readExemptions,
  withoutExempted,
  type Exemption,
} from '../../../gateway/workflows/index.ts';
import { flow } from './flow.ts';

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-exemptions-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const noon = new Date('2026-11-26T12:00:00Z');
const findings = findUngoverned([flow('a', { W: 'webhook', H: 'http', C: 'slack' }, ['W > H', 'W > C'])]);
const exempting = (node: string, more: Partial<Exemption> = {}): Exemption => ({
  workflow: 'a',
  node,
  reason: 'Reads what is public anyway.',
  owner: 'p-1',
  ...more,
});
const left = (...exemptions: Exemption[]): string[] =>
  withoutExempted(findings, exemptions, noon).findings.map(({ node }) => node.name);

test('an exemption takes out its node alone, by the workflow’s id or name', () => {
  assert.deepEqual(left(), ['H', 'C']);
  assert.deepEqual(left(exempting('H')), ['C']);
  assert.deepEqual(left(exempting('H', { workflow: 'Flow a' }), exempting('C')), []);
  assert.deepEqual(left(exempting('h'), exempting('*'), exempting('H', { workflow: 'b' })), ['H', 'C']);
});

test('it counts through its last day and not after, and the finding then says so', () => {
  assert.deepEqual(left(exempting('H', { until: '2026-11-26' })), ['C']);
  const { findings: rest } = withoutExempted(findings, [exempting('H', { until: '2026-11-25' })], noon);
  assert.equal(rest.length, 2);
  assert.match(rest[0]?.why ?? '', /Its exemption ended on 2026-11-25\.$/);
  assert.deepEqual(left(exempting('H', { until: '2026-11-25' }), exempting('H', { workflow: 'Flow a' })), [
    'C',
  ]);
});

test('one that nothing needs is named', () => {
  const gone = exempting('Gone');
  assert.deepEqual(withoutExempted(findings, [exempting('H'), gone], noon).unused, [gone]);
});

test('without a file there are none; a broken one is refused with file, line and reason', async () => {
  assert.deepEqual(await readExemptions(dir), []);
  const entry = '  - workflow: a\n    node: H\n    reason: Reads what is public.\n    owner: p-1\n';
  for (const [text, reason] of [
    ['exempt:\n  - workflow: a\n', /workflows\.yaml:2: exempt\.0\.node/],
    [`exempt:\n${entry}    until: soon\n`, /workflows\.yaml:6: exempt\.0\.until/],
    [`exempt:\n${entry}    nodes: [C]\n`, /workflows\.yaml:2: .*nodes/],
    [
      `exempt:\n${entry.replace('Reads what is public.', 'ok')}`,
      /workflows\.yaml:4: .*a reason is a sentence/,
    ],
    [`exempt:\n${entry}${entry}`, /workflows\.yaml:2: exempt: a node stands twice/],
  ] as const) {
    writeFileSync(join(dir, 'workflows.yaml'), text);
    await assert.rejects(readExemptions(dir), { code: 'GH-SESSIONS-001', message: reason });
  }
  writeFileSync(join(dir, 'workflows.yaml'), `exempt:\n${entry}    until: 2027-01-31\n`);
  assert.equal((await readExemptions(dir))[0]?.until, '2027-01-31');
});
