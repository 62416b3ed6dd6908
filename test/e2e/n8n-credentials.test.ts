import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { n8nApi, type N8nApi } from '../../gateway/cli/n8n-api.ts';
import { repository } from '../../gateway/cli/up/index.ts';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { n8nOwner, setUpOwner } from '../support/n8n-owner.ts';
import { startN8n, type N8nServer } from '../support/n8n-server.ts';
import { administer, testDatabase, testServer, type TestDatabase } from '../support/postgres.ts';
import { signIn } from '../unit/vault/rotation-support.ts';
import { eventually } from './support/person.ts';

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'gatehouse-n8n-credentials-'));
const policies = join(dir, 'policies');
const secret = 'reports/postgres';
const role = `reports_${randomBytes(4).toString('hex')}`;
let n8n: N8nServer;
let api: N8nApi;
let db: TestDatabase;
let environment: NodeJS.ProcessEnv;
/** All that commands printed. */
let printed = '';

async function gatehouse(...args: string[]): Promise<string> {
  const program = join(repository, 'gateway/cli/gatehouse.mjs');
  const { stdout, stderr } = await run(process.execPath, [program, ...args], { env: environment });
  printed += stdout + stderr;
  return stdout;
}
const sync = (): Promise<string> => gatehouse('n8n', 'sync-credentials', '--n8n', n8n.url);
const current = async (): Promise<string> =>
  (await createSecretStore({ dataDir: dir }).get(secret)) ?? assert.fail('it is set');

before(
  async () => {
    n8n = await startN8n('stock', () => Promise.resolve());
    const owner = { url: n8n.url, email: 'owner@example.com', password: 'Correct-horse-1' };
    await setUpOwner(owner);
    const page = readFileSync(join(repository, 'docs/secrets.md'), 'utf8');
    const scopes = [...new Set([...page.matchAll(/`(credential:\w+)`/g)].map(([, scope = '']) => scope))];
    const signedIn = await n8nOwner(owner);
    const key = await signedIn.apiKey(scopes);
    const more = ['workflow:create', 'workflow:activate', 'credential:list'];
    api = n8nApi(
      n8n.url,
      await signedIn
        .call('POST', '/rest/api-keys', {
          label: 'the test',
          expiresAt: null,
          scopes: more,
        })
        .then((made) => (made as { rawApiKey: string }).rawApiKey),
    );

    db = await testDatabase();
    await administer(testServer(), `create role ${role} login password 'first-canary'`);
    cpSync(join(repository, 'policies'), policies, { recursive: true });
    writeFileSync(
      join(policies, 'secrets.yaml'),
      `secrets:\n  - { names: ${secret}, rotate: { every: 12h, overlap: 1s, by: { kind: postgres, admin: gateway/postgres-admin } } }\n`,
    );
    const store = createSecretStore({ dataDir: dir });
    await store.set(
      secret,
      Object.assign(new URL(db.url), { username: role, password: 'first-canary' }).href,
    );
    await store.set('gateway/postgres-admin', db.url);
    environment = {
      PATH: process.env.PATH,
      HOME: dir,
      GATEHOUSE_DATABASE_URL: db.url,
      GATEHOUSE_DATA_DIR: dir,
      GATEHOUSE_POLICIES_DIR: policies,
      GATEHOUSE_N8N_URL: n8n.url,
      N8N_API_KEY: key,
    };
  },
  { timeout: 300_000 },
);

after(
  async () => {
    await n8n?.stop();
    await db?.drop();
    for (const each of [`${role}_standby`, role])
      await administer(testServer(), `drop role if exists ${each}`);
    rmSync(dir, { recursive: true, force: true });
  },
  { timeout: 60_000 },
);

/** A workflow whose Postgres node says who it is signed in as. */
async function askingNode(id: string): Promise<() => Promise<unknown>> {
  const path = randomUUID();
  const node = { typeVersion: 2.1, id: randomUUID(), webhookId: path };
  const made = await api.send<{ id: string }>('POST', '/workflows', {
    name: 'Who',
    nodes: [
      {
        ...node,
        name: 'Asked',
        type: 'n8n-nodes-base.webhook',
        position: [0, 0],
        parameters: { httpMethod: 'GET', path, responseMode: 'lastNode' },
      },
      {
        ...node,
        id: randomUUID(),
        name: 'Postgres',
        type: 'n8n-nodes-base.postgres',
        typeVersion: 2.6,
        position: [200, 0],
        parameters: { operation: 'executeQuery', query: 'select current_user as role', options: {} },
        credentials: { postgres: { id, name: 'Reports' } },
      },
    ],
    connections: { Asked: { main: [[{ node: 'Postgres', type: 'main', index: 0 }]] } },
    settings: { executionOrder: 'v1' },
  });
  await api.send('POST', `/workflows/${made.id}/publish`, {});
  const ask = (): Promise<Response> => fetch(`${n8n.url}/webhook/${path}`);
  // n8n registers a webhook a moment after it answered.
  await eventually('a webhook', 10_000, async () => {
    const { status } = await ask();
    return { done: status !== 404, seen: String(status) };
  });
  return async () => (await ask()).json();
}

describe('credentials that are written into an n8n of one’s own', { timeout: 300_000 }, () => {
  let who: () => Promise<unknown>;

  it('are off unless they are declared', async () => {
    assert.match(await sync(), /nothing is copied/);
    assert.deepEqual(await api.list('/credentials'), []);
    assert.match(
      await gatehouse('doctor', '--json').catch((error: { stdout: string }) => error.stdout),
      /No secret is copied into n8n\./,
    );
  });

  it('let a Postgres node sign in, with the scopes that the page names', async () => {
    writeFileSync(
      join(policies, 'n8n-credentials.yaml'),
      `credentials:
  - name: Reports
    type: postgres
    secret: ${secret}
    lifetime: 1d
    fields: { host: '{host}', port: '{port}', database: '{database}', user: '{username}', password: '{password}', ssl: disable }
`,
    );
    assert.match(await sync(), /Wrote "Reports": good until/);
    const [credential] = await api.list<{ id: string; name: string; type: string }>('/credentials');
    assert.deepEqual([credential?.name, credential?.type], ['Reports', 'postgres']);
    who = await askingNode(credential?.id ?? '');
    assert.deepEqual(await who(), { role });
    assert.match(await sync(), /"Reports" is not due/);
  });

  it('are an exception that the doctor tells', async () => {
    const told = await gatehouse('doctor', '--json').catch((error: { stdout: string }) => error.stdout);
    assert.match(told, new RegExp(`The secret ${secret} is copied into n8n's database at .* until `));
  });

  it('are replaced with the value, and the former password lets nobody in any more', async () => {
    const former = await current();
    assert.equal(await signIn(former), role);
    await gatehouse('secret', 'rotate', secret);
    assert.match(await sync(), /Wrote "Reports"/);
    assert.deepEqual(await who(), { role: `${role}_standby` });
    // The next rotation ends the former one first, whose overlap is over.
    await wait(1500);
    await gatehouse('secret', 'rotate', secret);
    assert.equal(await signIn(former), '28P01');
    assert.match(await sync(), /Wrote "Reports"/);
    assert.deepEqual(await who(), { role });
  });

  it('are removed when they are declared no more', async () => {
    rmSync(join(policies, 'n8n-credentials.yaml'));
    assert.match(await sync(), /Removed "Reports"/);
    assert.deepEqual(await api.list('/credentials'), []);
  });

  it('were told to nobody: not printed, not logged by n8n, not in a receipt', async () => {
    const { rows } = await db.pool.query<{ text: string }>('select r::text as text from receipts r');
    const all = [printed, readFileSync(n8n.log, 'utf8'), ...rows.map(({ text }) => text)].join('\n');
    assert.ok(rows.length >= 4);
    for (const value of ['first-canary', new URL(await current()).password]) assert.ok(!all.includes(value));
  });
});
