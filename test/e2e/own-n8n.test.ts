import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { n8nApi, type N8nApi } from '../../gateway/cli/n8n-api.ts';
import { ensureDatabases } from '../../gateway/cli/up/databases.ts';
import { freePorts, repository } from '../../gateway/cli/up/index.ts';
import { installNodes } from '../../gateway/cli/up/nodes-package.ts';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { n8nOwner, setUpOwner, type OwnerLogin } from '../support/n8n-owner.ts';
import { startN8n, type N8nServer } from '../support/n8n-server.ts';
import { administer, queryOn, testServer } from '../support/postgres.ts';
import { payments } from './support/payments.ts';
import { eventually, person, sendForm, type Person } from './support/person.ts';

/** How many workflows the repository has. */
const bundle = readdirSync(join(repository, 'workflows-json')).length;
const page = readFileSync(join(repository, 'docs/own-n8n.md'), 'utf8');
const run = promisify(execFile);

interface Workflow {
  id: string;
  name: string;
  active: boolean;
  versionId: string;
  nodes: { name: string; type: string; position: [number, number]; credentials?: object }[];
  connections: unknown;
  settings: unknown;
}

let n8n: N8nServer;
let api: N8nApi;
let gateway: ChildProcess;
let environment: NodeJS.ProcessEnv;
let publicUrl: string;
let internalUrl: string;
const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-own-n8n-'));
const server = testServer();
const database = (name: string): string => Object.assign(new URL(server), { pathname: `/${name}` }).href;

/** Runs a command of the page as it is written there; what the page leaves open is filled in. */
async function follow(command: string, filledIn: Record<string, string> = {}): Promise<string> {
  assert.ok(page.includes(command), `docs/own-n8n.md does not say: ${command}`);
  let line = command;
  for (const [from, to] of Object.entries(filledIn)) line = line.replace(from, to);
  const { stdout } = await run('sh', ['-c', line], { cwd: repository, env: environment });
  return stdout;
}

const importWorkflows = (more = ''): Promise<string> =>
  follow('npx gatehouse workflows import --n8n http://n8n.internal:5678', {
    'http://n8n.internal:5678': `${n8n.url}${more}`,
  });

const workflows = async (): Promise<Workflow[]> =>
  (await api.list<Workflow>('/workflows')).sort((a, b) => a.name.localeCompare(b.name));

const signedIn = async (account: string): Promise<Person> => {
  const link = (await follow('npx gatehouse people link requester', { requester: account })).trim();
  return person({ links: { [account]: link } }, account);
};

before(
  async () => {
    n8n = await startN8n('stock', ({ userFolder }) => installNodes(userFolder));
    const owner: OwnerLogin = { url: n8n.url, email: 'owner@example.com', password: 'Correct-horse-1' };
    await setUpOwner(owner);
    const scopes = /with the scopes ([^.]+)\./.exec(page.replaceAll(/\s+/g, ' '))?.[1] ?? '';
    const key = await (
      await n8nOwner(owner)
    ).apiKey([...scopes.matchAll(/`([^`]+)`/g)].map(([, scope]) => scope!));
    api = n8nApi(n8n.url, key);

    await ensureDatabases(server, [{ role: 'own_gatehouse', password: 'own', database: 'own_gatehouse' }]);
    await administer(server, `create role own_admin login createdb createrole password 'own'`);
    const ports = await freePorts();
    publicUrl = `http://localhost:${ports.public}`;
    internalUrl = `http://127.0.0.1:${ports.internal}`;
    const as = (role: string, name: string): string =>
      Object.assign(new URL(database(name)), { username: role, password: 'own' }).href;
    environment = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      GATEHOUSE_DATABASE_URL: as('own_gatehouse', 'own_gatehouse'),
      GATEHOUSE_DATA_DIR: dataDir,
      GATEHOUSE_N8N_URL: n8n.url,
      GATEHOUSE_PUBLIC_URL: publicUrl,
      GATEHOUSE_PUBLIC_PORT: String(ports.public),
      GATEHOUSE_INTERNAL_PORT: String(ports.internal),
      N8N_API_KEY: key,
      POSTGRES_ADMIN_URL: as('own_admin', 'postgres'),
    };
    await follow('npx gatehouse demo');

    assert.ok(page.includes('npx gatehouse gateway'));
    const out = openSync(join(dataDir, 'gateway.log'), 'a');
    gateway = spawn('npx', ['gatehouse', 'gateway'], {
      cwd: repository,
      env: environment,
      detached: true,
      stdio: ['ignore', out, out],
    });
    await eventually('a gateway', 30_000, async () => {
      const alive = await fetch(`${publicUrl}/healthz`).catch(() => undefined);
      return { done: alive?.ok === true, seen: readFileSync(join(dataDir, 'gateway.log'), 'utf8') };
    });
  },
  { timeout: 600_000 },
);

after(
  async () => {
    if (gateway?.pid !== undefined) {
      const gone = once(gateway, 'exit');
      process.kill(-gateway.pid, 'SIGTERM');
      await gone;
    }
    await n8n?.stop();
    await administer(server, 'drop database if exists own_gatehouse with (force)');
    await administer(server, 'drop database if exists gatehouse_demo with (force)');
    for (const role of ['own_gatehouse', 'gatehouse_demo_service', 'own_admin'])
      await administer(server, `drop role if exists ${role}`);
    rmSync(dataDir, { recursive: true, force: true });
  },
  { timeout: 60_000 },
);

const readiness = async (base: string): Promise<{ status: number; n8n: string }> => {
  const answer = await fetch(`${base}/readyz`);
  const { checks } = (await answer.json()) as { checks: { n8n: { state: string } } };
  return { status: answer.status, n8n: checks.n8n.state };
};

describe('an n8n of one’s own', { timeout: 300_000 }, () => {
  it('is not ready before the workflows are there, and both listeners say so', async () => {
    for (const base of [publicUrl, internalUrl])
      assert.deepEqual(await readiness(base), { status: 503, n8n: 'down' });
  });

  it('gets the credential and every workflow from one command, published', async () => {
    const said = await importWorkflows();
    for (const name of ['governed chat', 'automation example', 'error handler', 'examples', 'payment'])
      assert.match(said, new RegExp(`Published ".*${name}"`, 'i'));
    assert.match(said, /review of an AI tool" is there and not published yet: .*credential/is);
    const all = await workflows();
    assert.equal(all.length, bundle);
    const unpublished = all.filter((workflow) => !workflow.active).map(({ name }) => name);
    assert.deepEqual(unpublished, ['Gatehouse example: human review of an AI tool']);
  });

  it('answers a signed ping through its workflow', async () => {
    for (const base of [publicUrl, internalUrl]) {
      await eventually('readiness', 30_000, async () => {
        const seen = await readiness(base);
        return { done: seen.status === 200 && seen.n8n === 'ok', seen: JSON.stringify(seen) };
      });
    }
  });

  it('serves a person: an answer from the ledger, and one payment after an approval on its form', async () => {
    const requester = await signedIn('requester');
    const approver = await signedIn('approver-a');
    await requester.say('/balance');
    await requester.answerTo('/balance', /25,?000\.00 EUR/);

    const pay = payments(
      {
        sql: queryOn(database('own_gatehouse')),
        demo: queryOn(database('gatehouse_demo')),
        n8n: queryOn(n8n.databaseUrl),
      },
      requester,
    );
    const open = await pay.ask('invoice-42');
    const link = await approver.formLink('invoice-42');
    assert.ok(link.startsWith(`${publicUrl}/webhook-waiting/`), link);
    const form = await (await fetch(link)).text();
    assert.match(form, /120\.00 EUR[\s\S]*ACME/);
    assert.equal(await pay.paid('invoice-42'), 0);
    const voted = await sendForm(link, { verdict: 'approve', comment: 'as ordered' });
    assert.equal(voted.status, 200, voted.text);
    await requester.answerTo(open.said, /Paid 120\.00 EUR to ACME.*receipt/i);
    assert.equal(await pay.paid('invoice-42'), 1);
    assert.deepEqual(await pay.outcomes(open), ['approved']);
  });

  it('keeps no secret of the demo, also in its stored executions', async () => {
    const secret = await createSecretStore({ dataDir }).get('demo/postgres');
    const { password } = new URL(secret ?? assert.fail('the demo has a password'));
    const look = queryOn(n8n.databaseUrl);
    const rows = JSON.stringify([
      await look('select data from execution_data'),
      await look('select data from credentials_entity'),
    ]);
    assert.ok(rows.length > 1000);
    assert.ok(!rows.includes(password));
  });

  it('is left as it is by a second import, which works on with a new token', async () => {
    const before = await workflows();
    const said = await importWorkflows();
    // What waits for a credential of the builder's is named each time.
    assert.match(said, /review of an AI tool" is not published/);
    assert.deepEqual(await workflows(), before);
    assert.equal((await api.list('/credentials')).length, 1);
    const requester = await signedIn('requester');
    await requester.say('/whoami');
    await requester.answerTo('/whoami', /Robin Requester/);
  });

  it('gets the newer version of a workflow that nobody touched', async () => {
    const memory = join(dataDir, 'own-n8n.json');
    // As if the import before had been of an older checkout.
    writeFileSync(memory, readFileSync(memory, 'utf8').replaceAll(/"source": "\w+"/g, '"source": "older"'));
    assert.match(await importWorkflows(), /Published ".*governed chat"/);
    assert.equal((await workflows()).length, bundle);
  });

  it('keeps what a builder changed, and replaces it when told to', async () => {
    const chat = (await workflows()).find(({ name }) => name.includes('chat')) ?? assert.fail();
    const [node] = chat.nodes;
    assert.ok(node);
    node.position = [node.position[0] - 32, node.position[1]];
    const { name, nodes, connections, settings } = chat;
    await api.send('PUT', `/workflows/${chat.id}`, { name: 'Ours now', nodes, connections, settings });
    assert.ok(name !== 'Ours now');
    await importWorkflows();
    const kept = (await workflows()).find(({ id }) => id === chat.id);
    assert.equal(kept?.name, 'Ours now');
    assert.equal((await workflows()).length, bundle);
    await importWorkflows(' --replace');
    const replaced = (await workflows()).find(({ id }) => id === chat.id);
    assert.equal(replaced?.name, name);
    assert.equal((await workflows()).length, bundle);
  });

  it('leaves a model the credential that its builder chose', async () => {
    const review = (await workflows()).find(({ name }) => name.includes('review')) ?? assert.fail();
    const { id: credential } = await api.send<{ id: string }>('POST', '/credentials', {
      name: 'A model',
      type: 'openAiApi',
      data: { apiKey: 'sk-of-the-builder', url: 'http://127.0.0.1:9', header: false },
    });
    const modelOf = ({ nodes }: Workflow) => nodes.find(({ type }) => type.endsWith('.lmChatOpenAi'));
    Object.assign(modelOf(review) ?? assert.fail(), {
      credentials: { openAiApi: { id: credential, name: 'A model' } },
    });
    const { name, nodes, connections, settings } = review;
    await api.send('PUT', `/workflows/${review.id}`, { name, nodes, connections, settings });
    await api.send('POST', `/workflows/${review.id}/publish`, {});
    assert.match(await importWorkflows(' --replace'), /Published ".*review of an AI tool"/);
    const replaced = (await workflows()).find(({ id }) => id === review.id) ?? assert.fail();
    assert.ok(replaced.active);
    assert.deepEqual(modelOf(replaced)?.credentials, { openAiApi: { id: credential, name: 'A model' } });
  });
});
