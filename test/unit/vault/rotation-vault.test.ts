import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createLogger } from '../../../gateway/config/index.ts';
import { createBox, createRotations, readRoutes, vaultPolicies } from '../../../gateway/vault/index.ts';
import { administer, testDatabase, testServer, type TestDatabase } from '../../support/postgres.ts';
import { startVault, withoutVault, type VaultServer } from '../../support/vault-server.ts';
import { signIn } from './rotation-support.ts';
import { openCorp } from './vault-suite.ts';

describe('static roles of a Vault', { skip: withoutVault }, () => {
  let vault: VaultServer;
  let db: TestDatabase;
  const user = `static_${randomBytes(4).toString('hex')}`;
  before(async () => {
    vault = await startVault();
    db = await testDatabase();
  });
  after(async () => {
    await vault.stop();
    await db.drop();
    await administer(testServer(), `drop role if exists ${user}`);
  });

  test('are read, rotated at the Vault and read again, with what the printed policy allows', async () => {
    const { username, password, host } = new URL(testServer());
    const { pathname } = new URL(db.url);
    await administer(testServer(), `create role ${user} login password 'before'`);
    await vault.call('POST', 'database/config/ledger', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: ['reports'],
      connection_url: `postgresql://{{username}}:{{password}}@${host}${pathname}?sslmode=disable`,
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
    });
    await vault.call('POST', 'database/static-roles/reports', {
      db_name: 'ledger',
      username: user,
      rotation_period: '24h',
    });
    const entries = [
      `{ names: a/static, store: corp, staticRole: reports, url: 'postgres://{username}:{password}@${host}${pathname}', rotate: { every: 7d, by: { kind: vault } } }`,
      `{ names: a/kv, store: corp, path: teams/kv, rotate: { every: 7d, overlap: 1h, by: { kind: webhook-signing } } }`,
    ];
    const draft = await openCorp({ address: vault.address, role: { roleId: 'r' }, secrets: entries });
    const [policy] = vaultPolicies(await readRoutes(draft.dataDir), new Map());
    await draft.close();
    const role = await vault.appRole('rotating', { 'gatehouse-corp': policy?.hcl ?? '' });
    const at = await openCorp({ address: vault.address, role, secretId: role.secretId, secrets: entries });
    const log = createLogger('silent');
    const box = createBox({ dataDir: at.dataDir });
    const rotations = createRotations({ pool: db.pool, secrets: at.secrets, box, log });
    const former = (await at.secrets.get('a/static')) ?? '';
    assert.equal(await signIn(former), user);
    assert.equal((await rotations.rotate('a/static')).overlapMs, 0);
    const next = (await at.secrets.get('a/static')) ?? '';
    assert.equal(await signIn(next), user);
    assert.equal(await signIn(former), '28P01');

    const first = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
    await at.secrets.set('a/kv', first);
    await rotations.rotate('a/kv');
    assert.equal((await at.secrets.get('a/kv'))?.split(' ')[1], first);
    assert.equal(await at.secrets.get('a/kv', 1), first);
    await at.close();
  });
});
