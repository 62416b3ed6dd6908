import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import {
  createLeases,
  createVaultSessions,
  readRoutes,
  vaultPolicies,
} from '../../../gateway/vault/index.ts';
import { testDatabase, testServer, type TestDatabase } from '../../support/postgres.ts';
import { startVault, until, withoutVault, type VaultServer } from '../../support/vault-server.ts';
import { canary } from './support.ts';
import { openCorp, type Opened } from './vault-suite.ts';

const log = createLogger('silent');
const secretName = 'ledger/postgres';

describe('users that a Vault makes for one call', { skip: withoutVault }, () => {
  let vault: VaultServer;
  let db: TestDatabase;
  let route: string;
  let role: { roleId: string; secretId: string };
  const open: Opened[] = [];

  before(async () => {
    vault = await startVault();
    db = await testDatabase();
    await db.pool.query('create table ledger (id int)');
    const { username, password, host } = new URL(testServer());
    const { pathname } = new URL(db.url);
    await vault.call('POST', 'database/config/ledger', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: ['ledger'],
      connection_url: `postgresql://{{username}}:{{password}}@${host}${pathname}?sslmode=disable`,
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
    });
    await vault.call('POST', 'database/roles/ledger', {
      db_name: 'ledger',
      creation_statements: [
        `create role "{{name}}" login password '{{password}}' valid until '{{expiration}}'`,
        'grant select on ledger to "{{name}}"',
      ],
      revocation_statements: ['drop owned by "{{name}}"', 'drop role if exists "{{name}}"'],
      default_ttl: '3s',
      max_ttl: '60s',
    });
    await vault.call('POST', 'secret/data/other', { data: { value: canary } });
    route = `{ names: ${secretName}, store: corp, role: ledger, url: 'postgres://{username}:{password}@${host}${pathname}' }`;
    // The gateway has what `gatehouse vault policy` prints, and nothing else.
    const draft = await openCorp({ address: vault.address, role: { roleId: 'r' }, secrets: [route] });
    const [policy] = vaultPolicies(
      await readRoutes(draft.dataDir),
      new Map([[secretName, ['ledger.transfer']]]),
    );
    await draft.close();
    role = await vault.appRole('ledger', { [policy?.name ?? '']: policy?.hcl ?? '' });
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  after(async () => {
    await vault.stop();
    await db.drop();
  });

  const corp = async (): Promise<Opened> => {
    const { remember } = createVaultSessions(db.pool, log);
    const opened = await openCorp({
      address: vault.address,
      role,
      secretId: role.secretId,
      secrets: [route],
      remember,
    });
    open.push(opened);
    return opened;
  };
  const users = async (): Promise<string[]> => {
    const { rows } = await db.pool.query<{ rolname: string }>(
      `select rolname from pg_roles where rolname like 'v-approle-ledger-%'`,
    );
    return rows.map(({ rolname }) => rolname);
  };
  const works = async (url: string): Promise<boolean> => {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.query('select from ledger');
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  test('each call has a user of its own, which is kept while it runs and gone after it', async () => {
    const { secrets } = await corp();
    const leases = createLeases(secrets);
    const target = { tool: 'ledger.transfer' };
    const lease = await transaction(db.pool, (tx) =>
      leases.open(tx, { attemptId: 'att_1', messageId: 'm1', secret: secretName, target }),
    );
    const [one, other] = [await leases.lend(lease, target), await leases.lend(lease, target)];
    assert.notEqual(one.value, other.value);
    assert.equal(await works(one.value), true);
    assert.equal((await users()).length, 2);
    await other.giveBack();
    assert.equal(await works(other.value), false);
    // Longer than the user lives by itself.
    await wait(5000);
    assert.equal(await works(one.value), true);
    await one.giveBack();
    await one.giveBack();
    assert.equal(await works(one.value), false);
    assert.deepEqual(await users(), []);
  });

  test('the printed policy opens nothing else', async () => {
    const { secrets, dataDir } = await corp();
    const lent = await secrets.lend(secretName);
    await lent?.giveBack();
    await writeFile(
      join(dataDir, 'secrets.yaml'),
      `stores:\n  corp: { kind: vault, address: '${vault.address}', appRole: { roleId: ${role.roleId} } }\nsecrets:\n  - { names: other, store: corp }\n`,
    );
    const others = await openCorp({
      address: vault.address,
      role,
      secretId: role.secretId,
      secrets: [
        '{ names: other, store: corp }',
        "{ names: x, store: corp, role: other, url: 'x://{username}:{password}@h' }",
      ],
    });
    open.push(others);
    await assert.rejects(others.secrets.get('other'), { code: 'GH-VAULT-014' });
    await assert.rejects(others.secrets.lend('x'), { code: 'GH-VAULT-014' });
  });

  test('a user that cannot be removed at once is removed when the Vault works again', async () => {
    // From here on users would live longer than these tests wait.
    await vault.call('POST', 'database/roles/ledger', { default_ttl: '50s' });
    const { secrets, logged } = await corp();
    const lent = await secrets.lend(secretName);
    assert.ok(lent);
    await vault.seal();
    await lent.giveBack();
    assert.match(logged(), /could not be removed yet/);
    assert.equal((await users()).length, 1);
    await vault.unseal();
    await until(async () => (await users()).length === 0);
    assert.ok(!logged().includes(new URL(lent.value).password));
  });

  test('a gateway that is killed in a call leaves no user: the next start ends its session', async () => {
    const { dataDir, secrets } = await corp();
    const gateway = join(import.meta.dirname, '../../../gateway');
    const script = join(dataDir, 'victim.mjs');
    await writeFile(
      script,
      `import { openSecrets, createVaultSessions } from ${JSON.stringify(join(gateway, 'vault/index.ts'))};
       import { openPool } from ${JSON.stringify(join(gateway, 'db/index.ts'))};
       import { createLogger } from ${JSON.stringify(join(gateway, 'config/index.ts'))};
       const log = createLogger('silent');
       const pool = openPool(process.argv[3]);
       const { remember } = createVaultSessions(pool, log);
       const dataDir = process.argv[2];
       const secrets = await openSecrets({ dataDir, policiesDir: dataDir, production: true, log, remember });
       const keeping = await pool.connect();
       const { value } = await secrets.lend(${JSON.stringify(secretName)});
       process.stdout.write(new URL(value).username + '\\n');
       setInterval(() => keeping.query('select 1'), 1000);`,
    );
    const child = spawn(process.execPath, [script, dataDir, db.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    const user = said.toString().trim();
    assert.deepEqual(await users(), [user]);
    const sessions = createVaultSessions(db.pool, log);
    await sessions.sweep(secrets);
    assert.deepEqual(await users(), [user], 'it lives, so that what it has on loan is its own');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(async () => (await sessions.sweep(secrets)) > 0);
    await until(async () => (await users()).length === 0);
    const { rows } = await db.pool.query('select from vault_sessions where owner <> current_setting($1)', [
      'application_name',
    ]);
    assert.equal(rows.length, 0);
  });
});
