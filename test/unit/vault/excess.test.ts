import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readRoutes, vaultExcess, vaultPolicies } from '../../../gateway/vault/index.ts';
import { startVault, withoutVault, type VaultServer } from '../../support/vault-server.ts';
import { openCorp } from './vault-suite.ts';

const routes = [
  '{ names: crm/, store: corp, path: gatehouse/ }',
  "{ names: db/reports, store: corp, role: reports, url: 'postgres://{username}:{password}@db/x' }",
];
const used = new Map([
  ['crm/token', ['crm.contact.create']],
  ['db/reports', ['reports.query']],
]);

describe('what an account may do at its Vault', { skip: withoutVault }, () => {
  let vault: VaultServer;
  let printed: string;
  before(async () => {
    vault = await startVault();
    const draft = await openCorp({ address: vault.address, role: { roleId: 'r' }, secrets: routes });
    printed = vaultPolicies(await readRoutes(draft.dataDir), used)[0]?.hcl ?? '';
    await draft.close();
  });
  after(() => vault.stop());

  let accounts = 0;
  /** What is found of an account with these policies. */
  const excessOf = async (hcl: string, options: object = {}): Promise<unknown> => {
    const name = `account-${(accounts += 1)}`;
    const role = await vault.appRole(name, { [name]: hcl }, options);
    const corp = await openCorp({
      address: vault.address,
      role,
      secretId: role.secretId,
      secrets: routes,
    });
    try {
      return await vaultExcess(corp.secrets, used);
    } finally {
      await corp.close();
    }
  };

  test('is nothing beyond the policy that is printed, also without the default one', async () => {
    assert.deepEqual(await excessOf(printed, { token_no_default_policy: true }), [
      { store: 'corp', paths: [] },
    ]);
    assert.deepEqual(await excessOf(printed), [{ store: 'corp', paths: [] }]);
  });

  test('is told where it reaches other secrets, writes what it only reads, or administers', async () => {
    const wide = `${printed}
path "secret/*" { capabilities = ["read", "list"] }
path "secret/data/gatehouse/crm/token" { capabilities = ["read", "delete"] }
path "database/config/*" { capabilities = ["update"] }
path "sys/policies/acl/*" { capabilities = ["update"] }`;
    assert.deepEqual(await excessOf(wide), [
      {
        store: 'corp',
        paths: [
          { path: 'secret/data/*', capabilities: ['list', 'read'] },
          { path: 'secret/metadata/*', capabilities: ['list', 'read'] },
          { path: 'database/config/*', capabilities: ['update'] },
          { path: 'sys/policies/acl/*', capabilities: ['update'] },
          { path: 'secret/data/gatehouse/crm/token', capabilities: ['delete'] },
        ],
      },
    ]);
  });

  test('is not known where the account may not ask, or its Vault is away', async () => {
    const [closed] = (await excessOf(printed.replace(/path "sys\/capabilities-self"[^}]*}/, ''), {
      token_no_default_policy: true,
    })) as { problem: { code: string } }[];
    assert.equal(closed?.problem.code, 'GH-VAULT-014');
    const corp = await openCorp({
      address: 'http://127.0.0.1:1',
      role: { roleId: 'r' },
      secretId: 's',
      secrets: routes,
    });
    const [away] = (await vaultExcess(corp.secrets, used)) as { problem: { code: string } }[];
    assert.equal(away?.problem.code, 'GH-VAULT-013');
    await corp.close();
  });
});
