import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';
import { policiesDir } from '../policy/support.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const canary = 'canary-5e-value';
let dir: string;
let policies: string;
let db: TestDatabase;
before(async () => {
  db = await testDatabase();
  dir = mkdtempSync(join(tmpdir(), 'gatehouse-cli-secret-'));
  policies = join(dir, 'policies');
  cpSync(policiesDir, policies, { recursive: true });
});
after(async () => {
  await db.drop();
  rmSync(dir, { recursive: true });
});

interface Told {
  code: number;
  all: string;
}

function gatehouse(args: string[], input = '', change: NodeJS.ProcessEnv = {}): Told {
  const env = {
    PATH: process.env.PATH,
    HOME: dir,
    GATEHOUSE_DATABASE_URL: db.url,
    GATEHOUSE_DATA_DIR: dir,
    GATEHOUSE_POLICIES_DIR: policies,
    ...change,
  };
  const told = (error: unknown): Told => {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, all: stdout + stderr };
  };
  const program = join(repository, 'gateway/cli/gatehouse.mjs');
  let answer: Told;
  try {
    const all = execFileSync(process.execPath, [program, ...args], {
      env,
      input,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    answer = { code: 0, all };
  } catch (error) {
    answer = told(error);
  }
  assert.ok(!answer.all.includes(canary), 'a secret was told');
  return answer;
}

test('secrets are listed with store, version, age and last use', async () => {
  gatehouse(['secret', 'set', 'demo/postgres'], canary);
  const said = gatehouse(['secret', 'set', 'demo/postgres'], canary);
  assert.match(said.all, /Stored demo\/postgres, version 2/);
  gatehouse(['secret', 'set', 'slack/bot-token'], canary);
  await db.pool.query(
    `insert into leases (id, attempt_id, secret, issued_at) values ('l1', 'a1', 'demo/postgres', now() - interval '3 hours')`,
  );
  const { all } = gatehouse(['secret', 'list']);
  assert.match(all, /^NAME +STORE +VERSION +AGE +LAST USE +NEXT ROTATION\n/);
  assert.match(all, /^demo\/postgres +file +2 +0 min +3 h ago +–$/m);
  assert.match(all, /^slack\/bot-token +file +1 +0 min +– +–$/m);
  const rows = JSON.parse(gatehouse(['secret', 'list', '--json']).all) as Record<string, unknown>[];
  assert.deepEqual(
    rows.map(({ name, version, store }) => [name, version, store]),
    [
      ['demo/postgres', 2, 'file'],
      ['slack/bot-token', 1, 'file'],
    ],
  );
  // Without a database there is no last use, and still a list.
  const alone = gatehouse(['secret', 'list'], '', { GATEHOUSE_DATABASE_URL: 'postgres://127.0.0.1:1/none' });
  assert.match(alone.all, /^demo\/postgres +file +2 +0 min +– +–$/m);
});

test('a secret is rotated as secrets.yaml says, and the list shows when the next time is', () => {
  const table = join(policies, 'secrets.yaml');
  writeFileSync(
    table,
    'secrets:\n  - { names: webhook/key, rotate: { every: 30d, overlap: 7d, by: { kind: webhook-signing } } }\n',
  );
  gatehouse(['secret', 'set', 'webhook/key'], canary);
  assert.match(gatehouse(['secret', 'list']).all, /^webhook\/key +file +1 +0 min +– +in (29|30) d$/m);
  assert.match(
    gatehouse(['secret', 'rotate', 'webhook/key']).all,
    /^Rotated webhook\/key, version 2\. The former value stays good for 7 d, /,
  );
  assert.match(gatehouse(['secret', 'list']).all, /^webhook\/key +file +2 +0 min +– +overlap, in 29 d$/m);
  const again = gatehouse(['secret', 'rotate', 'webhook/key']);
  assert.deepEqual([again.code, again.all.includes('GH-VAULT-025')], [3, true]);
  assert.equal(gatehouse(['secret', 'rotate', 'demo/postgres']).code, 3);
  gatehouse(['secret', 'remove', 'webhook/key']);
  rmSync(table);
});

test('a secret is removed by name', () => {
  assert.equal(gatehouse(['secret', 'remove', 'slack/bot-token']).code, 0);
  const again = gatehouse(['secret', 'remove', 'slack/bot-token']);
  assert.equal(again.code, 3);
  assert.match(again.all, /GH-VAULT-008/);
});

test('the key is changed in place, or to a named file and finished', () => {
  const own = join(dir, 'secrets.key');
  const former = readFileSync(own, 'utf8');
  assert.match(gatehouse(['secret', 'rotate-key']).all, /has a new key/);
  assert.notEqual(readFileSync(own, 'utf8'), former);
  const next = join(dir, 'next.key');
  assert.match(gatehouse(['secret', 'rotate-key', '--to', next]).all, /GATEHOUSE_KEY_FILE.*\n?.*--finish/);
  assert.ok(existsSync(next));
  assert.equal(gatehouse(['secret', 'rotate-key', '--finish']).code, 3);
  const named = { GATEHOUSE_KEY_FILE: next };
  assert.equal(gatehouse(['secret', 'rotate-key', '--finish'], '', named).code, 0);
  assert.match(gatehouse(['secret', 'list'], '', named).all, /demo\/postgres/);
  assert.match(gatehouse(['secret', 'list']).all, /GH-VAULT-005/);
  const both = gatehouse(['secret', 'rotate-key', '--to', 'a', '--to-passphrase', 'b'], '', named);
  assert.match(both.all, /GH-CLI-003/);
});

test('a store that was put back is refused, and used once that is said to be right', () => {
  const named = { GATEHOUSE_KEY_FILE: join(dir, 'next.key') };
  const file = join(dir, 'secrets.json');
  const backup = readFileSync(file);
  gatehouse(['secret', 'set', 'a/b'], canary, named);
  writeFileSync(file, backup);
  assert.match(gatehouse(['secret', 'list'], '', named).all, /GH-VAULT-010/);
  assert.equal(gatehouse(['secret', 'accept-file'], '', named).code, 0);
  assert.match(gatehouse(['secret', 'list'], '', named).all, /demo\/postgres/);
});

test('the policies of service accounts are printed, each with the secrets that something uses', () => {
  assert.match(gatehouse(['vault', 'policy']).all, /No store .* is a Vault/);
  writeFileSync(
    join(policies, 'secrets.yaml'),
    `stores:
  corp: { kind: vault, address: 'http://127.0.0.1:1', appRole: { roleId: a } }
  mail: { kind: vault, address: 'http://127.0.0.1:1', appRole: { roleId: b } }
secrets:
  - { names: demo/postgres, store: corp, role: ledger, url: 'postgres://{username}:{password}@h/d' }
  - { names: mail/password, store: mail, path: teams/mail, field: smtp }
`,
  );
  const { all } = gatehouse(['vault', 'policy']);
  assert.match(
    all,
    /gatehouse-corp[\s\S]*# demo\/postgres: .*ledger\.transfer[\s\S]*path "database\/creds\/ledger" \{\n {2}capabilities = \["read"\]/,
  );
  assert.match(all, /gatehouse-mail[\s\S]*path "secret\/data\/teams\/mail"/);
  const [corp, mail] = all.split('gatehouse-mail');
  assert.ok(corp && mail && !corp.includes('teams/mail') && !mail.includes('database/'));
  assert.ok(!all.includes('*'), 'nothing is opened by a pattern');
  const named = { GATEHOUSE_KEY_FILE: join(dir, 'next.key') };
  const listed = gatehouse(['secret', 'list'], '', named);
  assert.match(listed.all, /^demo\/postgres +corp +– +made for each call/m);
  assert.match(listed.all, /^mail\/password +mail +– +.*(secret id|cannot be reached)/m);
});
