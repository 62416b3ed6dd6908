import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { recordReceipts, startSealer } from '../../../gateway/audit/index.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { repository } from '../../../gateway/cli/up/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import type { Diagnosis } from '../../../gateway/doctor/index.ts';
import { setKillSwitch } from '../../../gateway/policy/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { policiesDir } from '../policy/support.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const canary = 'canary-5f1c0de-value';
let db: TestDatabase;
let dir: string;
let policies: string;
let n8n: Server;
let gateway: Server;

before(async () => {
  db = await testDatabase();
  dir = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'));
  policies = join(dir, 'policies');
  cpSync(policiesDir, policies, { recursive: true });
  const store = createSecretStore({ dataDir: dir });
  await store.set('demo/postgres', canary);
  await transaction(db.pool, (tx) => recordReceipts(tx, [{ kind: 'envelope', facts: { channel: 'web' } }]));
  const sealer = await startSealer({
    pool: db.pool,
    headsFile: join(dir, 'receipt-heads.jsonl'),
    log: createLogger('silent'),
  });
  await sealer.seal();
  await sealer.stop();
  n8n = await answering((path) => (path === '/healthz' ? { status: 'ok' } : null));
  gateway = await answering((path) => (path === '/readyz' ? { checks: ready } : null));
});
after(async () => {
  n8n.close();
  gateway.close();
  await db.drop();
  rmSync(dir, { recursive: true });
});

let ready: Record<string, { state: string; text?: string }> = { database: { state: 'ok' } };

async function answering(body: (path: string) => unknown): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = body(request.url ?? '');
    response.statusCode = answer === null ? 404 : 200;
    response.end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
const portOf = (server: Server): string => String((server.address() as AddressInfo).port);

interface Told {
  code: number;
  out: string;
  all: string;
}

const doctor = (args: string[] = [], change: NodeJS.ProcessEnv = {}): Promise<Told> =>
  new Promise((resolve) => {
    const env = {
      PATH: process.env.PATH,
      HOME: dir,
      GATEHOUSE_DATABASE_URL: db.url,
      GATEHOUSE_DATA_DIR: dir,
      GATEHOUSE_POLICIES_DIR: policies,
      GATEHOUSE_ENVIRONMENT: 'development',
      GATEHOUSE_N8N_URL: `http://127.0.0.1:${portOf(n8n)}`,
      GATEHOUSE_INTERNAL_PORT: portOf(gateway),
      ...change,
    };
    const program = join(repository, 'gateway/cli/gatehouse.mjs');
    execFile(process.execPath, [program, 'doctor', ...args], { env }, (error, out, err) => {
      assert.ok(!out.includes(canary) && !err.includes(canary), 'a secret was told');
      resolve({ code: error ? Number(error.code) : 0, out, all: out + err });
    });
  });

/** Every finding as `topic: state check text next`. */
async function found(change: NodeJS.ProcessEnv = {}): Promise<{ code: number; lines: string[] }> {
  const { code, out } = await doctor(['--json'], change);
  const { topics, ok } = JSON.parse(out) as Diagnosis;
  assert.equal(code, ok ? 0 : 1);
  const lines = topics.flatMap(({ topic, findings }) =>
    findings.map(({ state, check, text, next }) => `${topic}: ${state} ${check} ${text} ${next ?? ''}`),
  );
  return { code, lines };
}
const has = (lines: string[], pattern: RegExp): void =>
  assert.ok(
    lines.some((line) => pattern.test(line)),
    `${pattern}\n${lines.join('\n')}`,
  );

test('an installation that is well ends with 0, and nothing is changed or told that is secret', async () => {
  const { code, out } = await doctor();
  assert.equal(code, 0, out);
  assert.match(out, /^Settings\n {2}note {2}The rules are told that this is development\.\n/);
  assert.match(out, /ok {4}The chain of 1 receipt agrees with 1 head outside Postgres/);
  assert.match(out, /ok {4}The running gateway is ready/);
  assert.match(out, /\n0 fail, \d+ to look at, \d+ notes, \d+ ok\.\n$/);
  const { lines } = await found();
  has(lines, /^Rules: ok version The policy version is [0-9a-f]{12}\./);
  has(lines, /^Tools: ok catalogue/);
  has(lines, /^Postgres: warn fsync/);
  has(lines, /^Files: ok secrets .* 1 of 1/);
  assert.ok(!lines.some((line) => /secret set demo\/postgres(?!-)/.test(line)));
  assert.ok(!lines.some((line) => / fail /.test(line)));
});

test('what cannot be asked is a finding, and the rest is still looked at', async () => {
  const { lines, code } = await found({
    GATEHOUSE_DATABASE_URL: 'postgres://u:canary-5f1c0de-value@127.0.0.1:1/none',
    GATEHOUSE_N8N_URL: 'http://127.0.0.1:1',
    GATEHOUSE_INTERNAL_PORT: '1',
    GATEHOUSE_OPA_URL: 'http://127.0.0.1:1',
    GATEHOUSE_RUNNER_URL: 'http://127.0.0.1:1',
  });
  assert.equal(code, 1);
  has(lines, /^Postgres: fail postgres .*ECONNREFUSED/);
  has(lines, /^n8n: fail n8n /);
  has(lines, /^The running gateway: note gateway /);
  has(lines, /^Receipts: note receipts Not looked at/);
  has(lines, /^Rules: fail opa /);
  has(lines, /^Rules: ok rules /);
  has(lines, /^Sandbox: note sandbox .*npx gatehouse secret set runner\/token/);
});

test('without a database or usable settings it says so', async () => {
  const fresh = join(dir, 'fresh');
  const none = await found({
    GATEHOUSE_DATABASE_URL: '',
    GATEHOUSE_UP_DIR: fresh,
    GATEHOUSE_DATA_DIR: fresh,
  });
  assert.ok(!existsSync(fresh));
  has(none.lines, /^Postgres: fail postgres There is no database/);
  has(none.lines, /^Rules: ok rules /);
  const wrong = await found({ GATEHOUSE_PUBLIC_PORT: 'no' });
  assert.deepEqual([wrong.code, wrong.lines.length], [1, 1]);
  has(wrong.lines, /^Settings: fail settings .*GATEHOUSE_PUBLIC_PORT/);
});

test('overrides are shown with owner and last day, in force and expired', async () => {
  const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const entry = (rule: string, expires: string, tools = 'tools: [customers.note], '): string =>
    `  - { rule: ${rule}, ${tools}owner: approver-a, expires: ${expires}, reason: they close the old tickets }\n`;
  const file = join(policies, 'overrides.yaml');
  writeFileSync(
    file,
    `overrides:\n${entry('role_reads_only', day(60))}${entry('export_forbidden', day(5))}${entry('first_time', day(-2))}${entry('delete_needs_approval', day(60), '')}`,
  );
  try {
    const { lines, code } = await found();
    assert.equal(code, 0, lines.join('\n'));
    const told = (state: string, rule: string, verb: string, until: string): void =>
      has(lines, new RegExp(`^Overrides: ${state} overrides ${rule} for .* by approver-a ${verb} ${until}`));
    told('note', 'role_reads_only', 'is lifted, its last day is', day(60));
    told('warn', 'export_forbidden', 'is lifted, its last day is', day(5));
    told('warn', 'first_time', 'expired, its last day was', day(-2));
    told('warn', 'delete_needs_approval', 'is lifted, its last day is', day(60));
  } finally {
    rmSync(file);
  }
});

test('faults of files, stopped calls, late receipts and an unwell gateway are found', async () => {
  const change = { target: 'tool:ledger.transfer', reason: 'a drill', by: 'admin' } as const;
  await setKillSwitch(db.pool, loadCatalogue(policies), { ...change, engaged: true });
  await db.pool.query(`update receipts set created_at = now() - interval '2 minutes'
     where arrival not in (select arrival from receipt_seals)`);
  ready = { people: { state: 'warn', text: 'people.yaml:3 is wrong' } };
  cpSync(join(policies, 'rego/risk.rego'), join(policies, 'rego/more.rego'), { force: true });
  const tool = join(policies, 'tools/broken.yaml');
  writeFileSync(tool, 'name: broken\n');
  chmodSync(dir, 0o755);
  const seen = statSync(join(dir, 'receipt-heads.jsonl')).mtimeMs;
  try {
    const { lines, code } = await found();
    assert.equal(code, 1);
    has(lines, /^Kill switch: warn kill-switch tool:ledger\.transfer is stopped by admin/);
    has(lines, /^Receipts: warn sealing 1 receipt not sealed yet/);
    has(lines, /^The running gateway: warn gateway people: people\.yaml:3 is wrong/);
    has(lines, /^Tools: fail catalogue .*broken\.yaml:\d+/);
    has(lines, /^Files: warn data-folder .*0755/);
    rmSync(tool);
    has((await found()).lines, /^Rules: fail rules .*(more\.rego|belong together)/);
  } finally {
    chmodSync(dir, 0o700);
    rmSync(tool, { force: true });
    rmSync(join(policies, 'rego/more.rego'));
    ready = {};
    await setKillSwitch(db.pool, loadCatalogue(policies), { ...change, engaged: false });
  }
  assert.equal(statSync(join(dir, 'receipt-heads.jsonl')).mtimeMs, seen);
});

test('strict classes name who lacks a second factor; one that waits or is removed does not count', async () => {
  const file = join(policies, 'approvals.yaml');
  writeFileSync(
    file,
    'classes:\n  delete: { groups: [approvers], quorum: 1, strict: true, escalate: [{ after: 0.5, groups: [auditors] }] }\n',
  );
  const peopleFile = join(policies, 'people.yaml');
  const people = readFileSync(peopleFile, 'utf8');
  writeFileSync(
    peopleFile,
    people.replace('roles: [admin]\n    groups: []', 'roles: [admin]\n    groups: [auditors]'),
  );
  const add = (principal: string, votesFrom: string, removed: string | null): Promise<unknown> =>
    db.pool.query(
      `insert into factors (id, principal, kind, label, authenticator, confirmed_at, votes_from, removed_at)
       values ($1, $2, 'passkey', 'key', $1, now(), now() + $3::interval, $4)`,
      [`${principal}${votesFrom}${removed}`, principal, votesFrom, removed],
    );
  try {
    await add('approver-a', '1 hour', null);
    await add('approver-b', '-1 hour', '2026-01-01');
    const lacking = await found();
    for (const principal of ['approver-a', 'approver-b', 'admin'])
      has(lacking.lines, new RegExp(`warn second-factors ${principal} .*people link ${principal} --enrol`));
    await add('approver-a', '-1 hour', null);
    await add('approver-b', '-1 hour', null);
    await add('admin', '-1 hour', null);
    has((await found()).lines, /ok second-factors/);
  } finally {
    cpSync(join(policiesDir, 'approvals.yaml'), file);
    writeFileSync(peopleFile, people);
  }
});

test('migrations that did not run, and a chain that is not the one of the heads, fail', async () => {
  const { rows } = await db.pool.query<{ name: string }>(
    'delete from schema_migrations where name = (select max(name) from schema_migrations) returning name',
  );
  const name = rows[0]?.name ?? '';
  has((await found()).lines, new RegExp(`^Postgres: fail migrations 1 migration .*${name}`));
  await db.pool.query('alter table schema_migrations rename to elsewhere');
  has((await found()).lines, /^Postgres: fail migrations \d\d migrations/);
  await db.pool.query('alter table elsewhere rename to schema_migrations');
  await db.pool.query('insert into schema_migrations (name) values ($1)', [name]);

  await db.pool.query(`update receipts set facts = '{"channel":"slack"}'
     where arrival = (select arrival from receipt_seals where position = 1)`);
  const { code, lines } = await found();
  assert.equal(code, 1);
  has(lines, /^Receipts: fail receipts The receipt chain was rewritten/);
});
