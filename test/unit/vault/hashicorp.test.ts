import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { open as openFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  startVault,
  until,
  withoutVault,
  type AppRole,
  type VaultServer,
} from '../../support/vault-server.ts';
import { canary } from './support.ts';
import { between, openCorp, type Between, type Opened } from './vault-suite.ts';

const reads = 'path "secret/data/*" { capabilities = ["read", "create", "update"] }';
const itself = 'path "auth/token/*" { capabilities = ["read", "update"] }';

describe('HashiCorp Vault', { skip: withoutVault }, () => {
  let vault: VaultServer;
  let role: AppRole;
  const open: { close(): Promise<void> }[] = [];
  before(async () => {
    vault = await startVault();
    role = await vault.appRole('gateway', { reader: `${reads}\n${itself}` });
    await vault.call('POST', 'secret/data/gatehouse/github/token', { data: { value: canary, note: 'kept' } });
  });
  after(() => vault.stop());
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  const corp = async (options: Partial<Parameters<typeof openCorp>[0]> = {}): Promise<Opened> => {
    const opened = await openCorp({
      address: vault.address,
      role,
      secretId: role.secretId,
      secrets: ['{ names: github/, store: corp, path: gatehouse/ }'],
      ...options,
    });
    open.push(opened);
    return opened;
  };
  const proxied = async (): Promise<Between> => {
    const proxy = await between(vault.address);
    open.push({ close: () => proxy.stop() });
    return proxy;
  };

  test('secrets of KV version 2 are read, in every version that it keeps, and written', async () => {
    const { secrets, logged } = await corp();
    assert.equal(await secrets.get('github/token'), canary);
    assert.equal(await secrets.get('github/absent'), undefined);
    const info = await secrets.set('github/token', 'second');
    assert.deepEqual([info.name, info.version], ['github/token', 2]);
    assert.equal(await secrets.get('github/token'), 'second');
    assert.equal(await secrets.get('github/token', 1), canary);
    assert.equal(await secrets.get('github/token', 9), undefined);
    const { data } = await vault.call('GET', 'secret/data/gatehouse/github/token');
    assert.equal((data.data as { note: string }).note, 'kept');
    const listed = await secrets.overview(['github/token']);
    assert.equal(listed.find(({ name }) => name === 'github/token')?.info?.version, 2);
    await secrets.set('github/token', canary);
    assert.ok(!logged().includes(canary));
  });

  test('a secret of one name has a path and a field of its own', async () => {
    await vault.call('POST', 'secret/data/teams/crm', { data: { apiKey: canary, number: 7 } });
    const { secrets } = await corp({
      secrets: [
        '{ names: crm/token, store: corp, path: teams/crm, field: apiKey }',
        '{ names: crm/number, store: corp, path: teams/crm, field: number }',
        '{ names: crm/absent, store: corp, path: teams/crm, field: absent }',
      ],
    });
    assert.equal(await secrets.get('crm/token'), canary);
    await assert.rejects(secrets.get('crm/number'), { code: 'GH-VAULT-022' });
    assert.equal(await secrets.get('crm/absent'), undefined);
  });

  test('a wrapped secret id is taken once, and serves the next sign-in as well', async () => {
    const opened = await corp({ secretId: null, appRole: ', wrappedFile: "/nowhere/yet"' });
    const wrappedFile = join(opened.dataDir, 'wrapped');
    await assert.rejects(opened.secrets.get('github/token'), { code: 'GH-VAULT-008' });
    await writeFile(wrappedFile, `${await role.wrapped()}\n`);
    const first = await corp({ secretId: null, appRole: `, wrappedFile: "${wrappedFile}"` });
    assert.equal(await first.secrets.get('github/token'), canary);
    assert.ok(!existsSync(wrappedFile));
    // A session that is lost is opened again with what was in the wrapping.
    await vault.call('POST', 'auth/token/revoke-accessor', { accessor: first.sessions[0] });
    assert.equal(await first.secrets.get('github/token'), canary);
    assert.equal(first.sessions.length, 2);
  });

  test('a wrapping token that cannot be removed is opened once and known after that', async () => {
    const { dataDir } = await corp();
    await writeFile(join(dataDir, 'wrapped'), await role.wrapped());
    const handle = await openFile(join(dataDir, 'wrapped'));
    open.push(handle);
    // Nobody removes a name of /proc, not even root.
    const wrappedFile = `/proc/self/fd/${handle.fd}`;
    const { secrets, sessions } = await corp({ secretId: null, appRole: `, wrappedFile: "${wrappedFile}"` });
    await secrets.get('github/token');
    await vault.call('POST', 'auth/token/revoke-accessor', { accessor: sessions[0] });
    assert.equal(await secrets.get('github/token'), canary);
    assert.ok(existsSync(wrappedFile));
  });

  test('a wrapping token that somebody opened before, or that wraps another thing, is an alarm', async () => {
    const opened = await corp();
    const wrappedFile = join(opened.dataDir, 'wrapped');
    const take = async (): Promise<unknown> => {
      const { secrets } = await corp({ appRole: `, wrappedFile: "${wrappedFile}"` });
      return secrets.get('github/token');
    };
    const stolen = await role.wrapped();
    await vault.call('POST', 'sys/wrapping/unwrap', {}, stolen);
    await writeFile(wrappedFile, stolen);
    await assert.rejects(take, { code: 'GH-VAULT-015' });
    const swapped = await fetch(`${vault.address}/v1/sys/wrapping/wrap`, {
      method: 'POST',
      headers: { 'x-vault-token': vault.root, 'x-vault-wrap-ttl': '60s' },
      body: JSON.stringify({ secret_id: 'of an attacker' }),
    });
    const { wrap_info: info } = (await swapped.json()) as { wrap_info: { token: string } };
    await writeFile(wrappedFile, info.token);
    await assert.rejects(take, { code: 'GH-VAULT-015' });
  });

  test('a session renews itself, and is opened anew where it was revoked or has reached its longest life', async () => {
    const short = await vault.appRole(
      'short',
      { reader: `${reads}\n${itself}` },
      { token_ttl: '2s', token_max_ttl: '6s' },
    );
    const { secrets, sessions } = await corp({ role: short, secretId: short.secretId });
    await secrets.get('github/token');
    await wait(3500);
    assert.equal(await secrets.get('github/token'), canary);
    assert.equal(sessions.length, 1, 'it lives longer than its first two seconds');
    await wait(4500);
    assert.equal(await secrets.get('github/token'), canary);
    assert.equal(sessions.length, 2);
    await vault.call('POST', 'auth/token/revoke-accessor', { accessor: sessions[1] });
    assert.equal(await secrets.get('github/token'), canary);
    assert.equal(sessions.length, 3);
  });

  test('many calls at once share one sign-in', async () => {
    const { secrets, sessions } = await corp();
    const values = await Promise.all(Array.from({ length: 20 }, () => secrets.get('github/token')));
    assert.ok(values.every((value) => value === canary));
    assert.equal(sessions.length, 1);
  });

  test('what the policy does not open, and a wrong or used-up secret id, are refused as such', async () => {
    const { secrets } = await corp({ secrets: ['{ names: other, store: corp, mount: kv2, path: other }'] });
    await assert.rejects(secrets.get('other'), { code: 'GH-VAULT-014' });
    const wrongId = await corp({ secretId: 'not-the-one' });
    await assert.rejects(wrongId.secrets.get('github/token'), { code: 'GH-VAULT-014' });
  });

  test('a sealed, a slow and a dead Vault refuse, each in its own way, and work again by themselves', async () => {
    const proxy = await proxied();
    const { secrets, logged } = await corp({ address: proxy.address, store: ', timeoutSeconds: 0.7' });
    const direct = await corp({ store: ', timeoutSeconds: 2' });
    assert.equal(await secrets.get('github/token'), canary);
    assert.equal(await direct.secrets.get('github/token'), canary);

    proxy.delayMs = 3000;
    const began = Date.now();
    await assert.rejects(secrets.get('github/token'), { code: 'GH-VAULT-012', status: 503, retryAfter: 5 });
    assert.ok(Date.now() - began < 2500);
    proxy.delayMs = 0;
    assert.equal(await secrets.get('github/token'), canary);

    await vault.seal();
    await assert.rejects(direct.secrets.get('github/token'), { code: 'GH-VAULT-011', status: 503 });
    assert.match(String((await direct.secrets.check())[0]?.problem), /is sealed/);
    await vault.unseal();
    assert.equal(await direct.secrets.get('github/token'), canary);

    await vault.kill();
    await assert.rejects(direct.secrets.get('github/token'), { code: 'GH-VAULT-013', status: 503 });
    await vault.start();
    await until(async () => (await direct.secrets.get('github/token')) === canary);
    assert.ok(!logged().includes(canary) && !logged().includes(role.secretId));
  });

  test('a redirect is not followed, so that no token goes elsewhere', async () => {
    const proxy = await proxied();
    const elsewhere = await proxied();
    const { secrets } = await corp({ address: proxy.address });
    await secrets.get('github/token');
    proxy.answer = { status: 307, headers: { location: `${elsewhere.address}/v1/secret/data/x` } };
    await assert.rejects(secrets.get('github/token'), { code: 'GH-VAULT-022' });
    assert.deepEqual(elsewhere.seen, []);
    // A proxy's page, or nothing at all, must not look like a secret that is not set.
    for (const answer of [
      { status: 200, body: '<html>' },
      { status: 404, body: '<html>' },
      { status: 200 },
    ]) {
      proxy.answer = answer;
      await assert.rejects(secrets.get('github/token'), { code: 'GH-VAULT-022' });
    }
    proxy.answer = null;
  });

  test('the namespace of secrets.yaml is used, and nothing of the environment', async () => {
    const proxy = await proxied();
    const hostile = {
      VAULT_TOKEN: 'of-the-shell',
      VAULT_NAMESPACE: 'of-the-shell',
      VAULT_PREFIX: '/shell',
      DEBUG: '*',
    };
    Object.assign(process.env, hostile);
    try {
      const { secrets } = await corp({ address: proxy.address, store: ', namespace: team-a' });
      await secrets.get('github/token').catch(() => undefined);
      const bare = await corp({ address: proxy.address });
      await bare.secrets.get('github/token');
    } finally {
      for (const name of Object.keys(hostile)) delete process.env[name];
    }
    const namespaces = proxy.seen.map((headers) => headers['x-vault-namespace']);
    assert.equal(namespaces[0], 'team-a');
    assert.equal(namespaces.at(-1), undefined);
    assert.ok(!JSON.stringify(proxy.seen).includes('of-the-shell'));
  });

  test('signing out ends the token', async () => {
    const opened = await corp();
    await opened.secrets.get('github/token');
    await opened.secrets.close();
    await assert.rejects(
      vault.call('POST', 'auth/token/lookup-accessor', { accessor: opened.sessions[0] }),
      /invalid accessor/,
    );
  });
});
