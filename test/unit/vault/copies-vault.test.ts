import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';
import { copyRows, readRoutes, vaultPolicies } from '../../../gateway/vault/index.ts';
import { FakeN8nApi } from '../../fixtures/vendors/n8n.ts';
import { testDatabase, testServer, type TestDatabase } from '../../support/postgres.ts';
import { startVault, until, withoutVault, type VaultServer } from '../../support/vault-server.ts';
import { policiesDir } from '../policy/support.ts';
import { login, outcomes, sync } from './copies-support.ts';
import { signIn } from './rotation-support.ts';
import { openCorp, type Opened } from './vault-suite.ts';

const secret = 'reports/postgres';
const bin = join(repository, 'gateway/cli/gatehouse.mjs');

describe('users of a Vault that are copied into n8n', { skip: withoutVault }, () => {
  let vault: VaultServer;
  let db: TestDatabase;
  let n8n: FakeN8nApi;
  let route: string;
  let role: { roleId: string; secretId: string };

  before(async () => {
    vault = await startVault();
    db = await testDatabase();
    const { username, password, host } = new URL(testServer());
    const { pathname } = new URL(db.url);
    await vault.call('POST', 'database/config/reports', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: ['reports'],
      connection_url: `postgresql://{{username}}:{{password}}@${host}${pathname}?sslmode=disable`,
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
    });
    await vault.call('POST', 'database/roles/reports', {
      db_name: 'reports',
      creation_statements: [`create role "{{name}}" login password '{{password}}'`],
      revocation_statements: ['drop role if exists "{{name}}"'],
      default_ttl: '60s',
      max_ttl: '60s',
    });
    route = `{ names: ${secret}, store: corp, role: reports, url: 'postgres://{username}:{password}@${host}${pathname}' }`;
    const draft = await openCorp({ address: vault.address, role: { roleId: 'r' }, secrets: [route] });
    const [policy] = vaultPolicies(await readRoutes(draft.dataDir), new Map());
    await draft.close();
    role = await vault.appRole('reports', { 'gatehouse-corp': policy?.hcl ?? '' }, { token_ttl: '1h' });
  });
  after(async () => {
    await vault.stop();
    await db.drop();
  });
  beforeEach(async () => {
    n8n = await new FakeN8nApi().start();
  });
  afterEach(async () => {
    assert.deepEqual(n8n.problems, []);
    await n8n.stop();
    await db.pool.query('truncate n8n_credentials, n8n_credential_sessions');
  });

  const opened = (): Promise<Opened> =>
    openCorp({ address: vault.address, role, secretId: role.secretId, secrets: [route] });
  /** One run of the command, whose own session is over after it. */
  const run = async (copies = [login(secret, { lifetime: 60_000 })]): Promise<string[]> => {
    const corp = await opened();
    try {
      return outcomes(await sync(n8n, { pool: db.pool, secrets: corp.secrets, copies }));
    } finally {
      await corp.close();
    }
  };
  /** How the one credential of n8n would sign in. */
  const written = (): string => {
    const { host, port, database, user, password } = [...n8n.stored.values()][0]?.data as Record<
      string,
      string
    >;
    return `postgres://${user}:${password}@${host}:${port}/${database}`;
  };
  const users = async (): Promise<number> =>
    (await db.pool.query(`select from pg_roles where rolname like 'v-approle-reports-%'`)).rows.length;
  const due = (): Promise<unknown> => db.pool.query('update n8n_credentials set due_at = now()');

  test('outlive the command, are replaced when due, and the former user is gone then', async () => {
    assert.deepEqual(await run(), ['written']);
    const former = written();
    assert.notEqual(await signIn(former), '28P01');
    assert.deepEqual(await run(), ['kept']);
    const [row] = await copyRows(db.pool);
    const left = (row?.due_at.getTime() ?? 0) - Date.now();
    assert.ok(left > 30_000 && left < 40_000, String(left));
    await due();
    assert.deepEqual(await run(), ['written']);
    assert.notEqual(written(), former);
    assert.equal(await signIn(former), '28P01');
    assert.notEqual(await signIn(written()), '28P01');
    assert.equal(await users(), 1);
    assert.deepEqual(await run([]), ['removed']);
    assert.equal(await users(), 0);
  });

  test('are replaced in time by the command that goes on, until it is stopped', async () => {
    const corp = await opened();
    const { dataDir } = corp;
    for (const part of ['tools', 'apis'])
      cpSync(join(policiesDir, part), join(dataDir, part), { recursive: true });
    const { fields } = login(secret);
    const declared = { credentials: [{ name: 'Reports', type: 'postgres', secret, lifetime: '1m', fields }] };
    writeFileSync(join(dataDir, 'n8n-credentials.yaml'), JSON.stringify(declared));
    const lasting = (ttl: string): Promise<unknown> =>
      vault.call('POST', 'database/roles/reports', { default_ttl: ttl });
    await lasting('4s');
    const command = spawn(process.execPath, [bin, 'n8n', 'sync-credentials', '--n8n', n8n.url, '--watch'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: dataDir,
        GATEHOUSE_DATABASE_URL: db.url,
        GATEHOUSE_DATA_DIR: dataDir,
        GATEHOUSE_POLICIES_DIR: dataDir,
        N8N_API_KEY: n8n.key,
      },
    });
    let said = '';
    for (const stream of [command.stdout, command.stderr])
      stream.on('data', (text) => (said += String(text)));
    const over = once(command, 'exit');
    try {
      const seen = new Set<string>();
      await until(() => {
        if (n8n.stored.size > 0) seen.add(written());
        return Promise.resolve(seen.size === 3);
      }, command).catch(() => assert.fail(said));
      // Before its time is over, so that nodes always have one that is good.
      assert.notEqual(await signIn(written()), '28P01');
    } finally {
      command.kill('SIGTERM');
      await over;
      await lasting('60s');
      await corp.close();
    }
    assert.deepEqual([command.exitCode, said.match(/Wrote "Reports"/g)?.length], [0, 3], said);
    assert.ok(!said.includes('postgres://'));
    await run([]);
    await until(async () => (await users()) === 0);
  });

  test('whom n8n refuses are gone at once, and the former one stays good', async () => {
    await run();
    const former = written();
    await due();
    n8n.failNext({ status: 200 }, { status: 500, json: { message: 'out of order' } });
    assert.deepEqual(await run(), ['failed GH-CLI-021']);
    assert.equal(await users(), 1);
    assert.notEqual(await signIn(former), '28P01');
    await run([]);
  });

  test('that live longer than declared are not written, and gone at once', async () => {
    assert.deepEqual(await run([login(secret, { lifetime: 30_000 })]), ['failed GH-VAULT-030']);
    assert.equal(n8n.stored.size, 0);
    assert.equal(await users(), 0);
  });

  test('stay while the Vault is sealed, and one that could not be ended is ended by a later run', async () => {
    await run();
    const former = written();
    await due();
    await vault.seal();
    assert.deepEqual(await run(), ['failed GH-VAULT-011']);
    assert.notEqual(await signIn(former), '28P01');
    assert.deepEqual(await run([]), ['removed']);
    assert.notEqual(await signIn(former), '28P01');
    await vault.unseal();
    await until(async () => (await run([])).length === 0 && (await users()) === 0);
    assert.equal(await signIn(former), '28P01');
  });
});
