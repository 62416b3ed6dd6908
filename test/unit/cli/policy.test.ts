import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { repository } from '../../../gateway/cli/up/index.ts';
import { createPolicy, openEpoch } from '../../../gateway/policy/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { policiesDir, runOf } from '../policy/support.ts';

let db: TestDatabase;
let dir: string;
let payment: string;
before(async () => {
  db = await testDatabase();
  dir = mkdtempSync(join(tmpdir(), 'gatehouse-policy-cli-'));
  const policy = await createPolicy({
    pool: db.pool,
    policiesDir,
    catalogue: loadCatalogue(policiesDir),
    clock: () => new Date(),
    epoch: openEpoch(dir),
    settings: { decisionSeconds: 300, approvalSeconds: 3600 },
  });
  const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'only for ACME' };
  payment = (await policy.decide(runOf(), { tool: 'ledger.transfer', args, step: 's' })).id;
});
after(async () => {
  await db.drop();
  rmSync(dir, { recursive: true });
});

const gatehouse = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      GATEHOUSE_DATABASE_URL: db.url,
      GATEHOUSE_DATA_DIR: dir,
      GATEHOUSE_POLICIES_DIR: policiesDir,
    };
    execFile(
      process.execPath,
      [join(repository, 'gateway/cli/gatehouse.mjs'), ...args],
      { env },
      (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });

test('kill-switch: on, list, off; a slip of the pen, a second target or no reason is refused', async () => {
  const on = await gatehouse('kill-switch', 'on', '--tool', 'ledger.transfer', '--reason', 'a drill');
  assert.deepEqual([on.code, on.out], [0, 'Stopped: tool:ledger.transfer.\n']);
  assert.match((await gatehouse('kill-switch', 'list')).out, /tool:ledger\.transfer .* cli:\S+ +a drill/);
  const [listed] = JSON.parse((await gatehouse('kill-switch', 'list', '--json')).out) as { target: string }[];
  assert.equal(listed?.target, 'tool:ledger.transfer');
  const reason = ['--reason', 'x'];
  assert.equal((await gatehouse('kill-switch', 'on', '--person', 'requestor', ...reason)).code, 1);
  assert.equal((await gatehouse('kill-switch', 'on', '--tool', 'ledger.transfr', ...reason)).code, 1);
  assert.equal((await gatehouse('kill-switch', 'on', '--tool', 'a', '--person', 'b', ...reason)).code, 2);
  assert.equal((await gatehouse('kill-switch', 'on')).code, 2);
  assert.equal((await gatehouse('kill-switch', 'off', '--tool', 'ledger.transfer', ...reason)).code, 0);
  assert.equal((await gatehouse('kill-switch', 'list')).out, 'No kill switch is on.\n');
});

test('policy explain prints reasons, what was seen without its content, and what would change it', async () => {
  const { out, code } = await gatehouse('policy', 'explain', payment);
  assert.equal(code, 0);
  assert.match(out, /^ledger\.transfer: approve by 1 of approvers\n/);
  assert.match(out, /payment_needs_approval +A payment needs/);
  assert.match(out, /args\/payee \(redirects, unknown\) +ACME/);
  assert.match(out, /actor\.standing +member +guest +deny: guest_reads_public/);
  assert.doesNotMatch(out, /only for ACME/);
  assert.equal((await gatehouse('policy', 'explain', 'dec_none')).code, 1);
});

test('policy check names what the gateway would refuse of a folder, of each file', async () => {
  const copy = join(dir, 'checked');
  cpSync(policiesDir, copy, { recursive: true });
  const good = await gatehouse('policy', 'check', copy);
  assert.deepEqual([good.code, good.out], [0, `The gateway can use ${copy}.\n`]);
  const change = (name: string, from: string | RegExp, to: string): void =>
    writeFileSync(join(copy, name), readFileSync(join(copy, name), 'utf8').replace(from, to));
  change('people.yaml', /groups: \[approvers\]/g, 'groups: [approver]');
  change('rego/risk.rego', 'package gatehouse', '# changed\npackage gatehouse');
  change('automations.yaml', 'automations:', 'automation:');
  const bad = await gatehouse('policy', 'check', copy);
  assert.equal(bad.code, 1);
  assert.match(bad.out, /approvals\.yaml:\d+: .*nobody in people\.yaml belongs to the group approvers/);
  assert.equal(bad.out.match(/automations\.yaml:\d+: /g)?.length, 1);
  assert.match(
    bad.out,
    /risk\.rego:\d+ was changed after the build\.\nnpx gatehouse policy build \S+checked/,
  );
  const { ok, faults } = JSON.parse((await gatehouse('policy', 'check', copy, '--json')).out) as {
    ok: boolean;
    faults: { code: string }[];
  };
  assert.equal(ok, false);
  assert.deepEqual(faults.map(({ code }) => code).sort(), [
    'GH-POLICY-002',
    'GH-POLICY-011',
    'GH-POLICY-012',
  ]);
});

test('policy simulate lists what changes, and fails where it is told to', async () => {
  const copy = join(dir, 'candidate');
  cpSync(policiesDir, copy, { recursive: true });
  const path = join(copy, 'tools/ledger.transfer.yaml');
  const same = await gatehouse('policy', 'simulate', copy);
  assert.deepEqual([same.code, /Nothing would change\.\n\n1 decisions/.test(same.out)], [0, true]);
  writeFileSync(path, readFileSync(path, 'utf8').replace('risk: payment', 'risk: write'));
  const changed = await gatehouse('policy', 'simulate', copy, '--since', '1h');
  assert.equal(changed.code, 0);
  assert.match(changed.out, /ledger\.transfer +approve by 1 of approvers +confirm \(looser\) +1 +dec_/);
  assert.equal((await gatehouse('policy', 'simulate', copy, '--fail-on', 'looser', '--json')).code, 1);
  assert.equal((await gatehouse('policy', 'simulate', copy, '--since', 'yesterday')).code, 1);
});

test('policy shadow and versions say what there is, or how to get it', async () => {
  assert.match((await gatehouse('policy', 'shadow')).out, /GATEHOUSE_SHADOW_POLICIES_DIR/);
  assert.equal((await gatehouse('policy', 'versions')).out, 'Nothing was served yet.\n');
  assert.equal((await gatehouse('policy', 'rollback', 'nonsense', '--reason', 'x')).code, 1);
});
