import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { prepareDemo } from '../../../gateway/tools/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { administer, testServer } from '../../support/postgres.ts';

const secret = 'demo/postgres';

test('the demo signs in on a server that was made anew after its secret was rotated', async (context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-demo-'));
  const database = `demo_${randomBytes(5).toString('hex')}`;
  const [service, standby] = [`${database}_service`, `${database}_service_standby`];
  context.after(async () => {
    await administer(testServer(), `drop database ${database} with (force)`);
    await administer(testServer(), `drop role if exists ${standby}, ${service}, ${database}_reader`);
    await rm(dataDir, { recursive: true });
  });
  const store = createSecretStore({ dataDir });
  const make = (): Promise<void> => prepareDemo({ adminUrl: testServer(), store, database });
  const signedInAs = async (): Promise<string> => {
    const client = new pg.Client({ connectionString: await store.get(secret) });
    await client.connect();
    const { rows } = await client.query<{ user: string }>('select current_user as user from ledger limit 1');
    await client.end();
    return rows[0]?.user ?? '';
  };
  await make();
  assert.equal(await signedInAs(), service);

  // As a rotation leaves it.
  const url = new URL((await store.get(secret)) ?? '');
  Object.assign(url, { username: standby, password: 'turned' });
  await administer(testServer(), `create role ${standby} login password 'turned' in role ${service}`);
  await store.set(secret, url.href);
  await make();
  assert.equal(await signedInAs(), standby, 'whose turn it is keeps it');

  await administer(testServer(), `drop role ${standby}`);
  await make();
  assert.equal(await signedInAs(), service);
});
