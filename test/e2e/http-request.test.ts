import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repository } from '../../gateway/cli/up/index.ts';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { n8nOwner, type N8nOwner } from '../support/n8n-owner.ts';
import { builderOf, type DraftNode } from './support/builder.ts';
import { loot } from './support/n8n.ts';
import { eventually } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';
import { allStores, holders, type Store } from './support/stores.ts';

/** The part that no encoding of text changes, and all that a careless vendor could spell in another way. */
const canary = `canary-${randomBytes(12).toString('hex')}`;
const secret = `${canary}/"+&\\=<'%`;
const example = 'automation-example.json';
const path = 'http-request';

/** What a workflow builder chooses for a node that fails; the place in the list is the one in the workflow. */
const modes = {
  stop: {},
  continue: { onError: 'continueRegularOutput' },
  output: { onError: 'continueErrorOutput' },
  retry: { retryOnFail: true, maxTries: 2, waitBetweenTries: 0 },
};
type Mode = keyof typeof modes;
/** The credential of the node: a good one, one whose gateway is away, one that names a run which is not known. */
const lenders = ['good', 'away', 'stale'] as const;
type Lender = (typeof lenders)[number];

let stack: TestStack;
let vendor: Server;
let owner: N8nOwner;
let base: string;
/** Requests that the vendor got, with whether they held the secret. */
const got: { url: string; signed: boolean }[] = [];
/** All that n8n told somebody: answers of webhooks, executions as its editor shows them, and what it pushed there. */
const shown: string[] = [];

/** A vendor that repeats the secret in every spelling, in each of its answers. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  const told = request.headers.authorization ?? '';
  got.push({ url, signed: told === `Bearer ${secret}` });
  if (url.startsWith('/v1/broken')) return void request.socket.destroy();
  const value = told.replace('Bearer ', '');
  const forms = [
    told,
    Buffer.from(value).toString('base64'),
    Buffer.from(told).toString('base64url'),
    Buffer.from(value).toString('hex'),
    encodeURIComponent(value),
    new URLSearchParams({ value }).toString(),
    JSON.stringify(value),
    // Go and .NET write these marks as escapes.
    JSON.stringify(value).replace(/[&<>]/g, (mark) => `\\u00${mark.charCodeAt(0).toString(16)}`),
    JSON.stringify(value)
      .replaceAll('\\"', '"')
      .replace(/["&'+<>]/g, (mark) => `\\u00${mark.charCodeAt(0).toString(16).toUpperCase()}`),
  ];
  response.statusCode = Number(/\/v1\/(\d{3})/.exec(url)?.[1] ?? 200);
  response.setHeader('content-type', `text/plain; told=${Buffer.from(value).toString('base64')}`);
  response.end(`${url} ${forms.join(' | ')}`);
}

before(
  async () => {
    vendor = createServer(answer).listen(0, '127.0.0.1');
    await once(vendor, 'listening');
    const host = `127.0.0.1:${(vendor.address() as AddressInfo).port}`;
    base = `http://${host}/v1`;
    const env: NodeJS.ProcessEnv = {};
    stack = await testStack(env, {
      async before(dir) {
        const policiesDir = join(dir, 'policies');
        cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
        env.GATEHOUSE_POLICIES_DIR = policiesDir;
        const tool = join(policiesDir, 'tools/http.request.yaml');
        writeFileSync(
          tool,
          readFileSync(tool, 'utf8')
            .replace('privateNetworks: []', 'privateNetworks: [127.0.0.0/8]')
            .replace(
              'secrets: []',
              `secrets: [{ name: canary/token, hosts: ['${host}'], plainHttp: true, prefix: 'Bearer ' }]`,
            ),
        );
        writeFileSync(
          join(policiesDir, 'automations.yaml'),
          `automations:
  - name: morning-balance
    display: Requests
    owner: requester
    workflow: gatehouseAuto0001
    tools:
      - tool: http.request
        args:
          method: { const: GET }
          url: { pattern: 'http://127[.]0[.]0[.]1:[0-9]+/v1/(?:[0-9]+|broken)[?]n=[a-z]+' }
          secret: { const: canary/token }
`,
        );
        await createSecretStore({ dataDir: dir }).set('canary/token', secret);
      },
    });
    owner = await n8nOwner({ url: stack.urls.n8n, ...stack.owner });
    await publish();
  },
  { timeout: 600_000 },
);

after(
  async () => {
    await stack?.stop();
    vendor?.close();
  },
  { timeout: 60_000 },
);

/** One workflow: a webhook chooses by its query what is called, and by which node. */
async function publish(): Promise<void> {
  const builder = await builderOf(stack);
  const lent = await Promise.all(
    lenders.map((name) =>
      builder.api.send<{ id: string; name: string }>('POST', '/credentials', {
        name,
        type: 'gatehouseVaultSecret',
        data: {
          // Nothing listens on port 1.
          baseUrl: name === 'away' ? 'http://127.0.0.1:1' : stack.urls.internal,
          token: '',
          entry: 'canary/token',
          run: name === 'stale' ? 'run_of_another_day' : '={{ $json.run.token }}',
          grant: '',
        },
      }),
    ),
  );
  await builder.build(example, (draft, node) => {
    const trigger = node('Every Morning');
    Object.assign(trigger, {
      type: 'n8n-nodes-base.webhook',
      typeVersion: 2.1,
      webhookId: randomUUID(),
      parameters: { httpMethod: 'GET', path, responseMode: 'lastNode' },
    });
    const normaliser = node('Envelope Normaliser');
    const place = (index: number, more: object): DraftNode => ({
      id: randomUUID(),
      name: '',
      type: '',
      typeVersion: 1,
      position: [500, index * 150],
      parameters: {},
      ...more,
    });
    const requests = lent.flatMap(({ id, name: lender }, where) =>
      Object.entries(modes).map(([name, mode], index) =>
        place(where * 4 + index, {
          ...mode,
          name: `${name}, ${lender}`,
          type: 'n8n-nodes-base.httpRequest',
          typeVersion: 4.2,
          parameters: {
            url: `={{ $('Every Morning').item.json.query.url }}`,
            authentication: 'predefinedCredentialType',
            nodeCredentialType: 'gatehouseVaultSecret',
            options: {},
          },
          credentials: { gatehouseVaultSecret: { id, name: lender } },
        }),
      ),
    );
    const to = (name: string) => ({ node: name, type: 'main', index: 0 });
    const choice = place(0, {
      name: 'Choice',
      type: 'n8n-nodes-base.switch',
      typeVersion: 3.2,
      parameters: {
        mode: 'expression',
        numberOutputs: requests.length,
        output: `={{ Number($('Every Morning').item.json.query.node) }}`,
      },
    });
    draft.nodes = [trigger, normaliser, choice, ...requests];
    draft.connections = {
      'Every Morning': { main: [[to(normaliser.name)]] },
      [normaliser.name]: { main: [[], [to('Choice')]] },
      Choice: { main: requests.map(({ name }) => [to(name)]) },
    };
    draft.settings = {
      executionOrder: 'v1',
      saveDataSuccessExecution: 'all',
      saveDataErrorExecution: 'all',
      saveManualExecutions: true,
      saveExecutionProgress: true,
    };
  });
  // n8n registers a webhook after it answered that the workflow is published.
  await eventually('a webhook that n8n knows', 30_000, async () => {
    const { status } = await fetch(`${stack.urls.n8n.replace(/\/$/, '')}/webhook/${path}?node=99`);
    return { done: status !== 404, seen: String(status) };
  });
}

interface Ran {
  /** How n8n says that it ended. */
  status: string;
  /** The execution as the editor shows it. */
  text: string;
  /** What the vendor got of it. */
  requests: typeof got;
}

/** Runs the workflow once. @param from where the webhook is: of the published workflow, or of one that is tested */
async function run(mode: Mode, target: string, lender: Lender = 'good', from = 'webhook'): Promise<Ran> {
  const node = Object.keys(modes).indexOf(mode) + 4 * lenders.indexOf(lender);
  const query = new URLSearchParams({ node: String(node), url: target });
  const seen = got.length;
  const last = async (): Promise<{ id: number; status: string } | undefined> =>
    (
      await stack.n8n<{ id: number; status: string }>(
        `select id, status from execution_entity where "workflowId" = 'gatehouseAuto0001' order by id desc limit 1`,
      )
    )[0];
  const before = (await last())?.id ?? 0;
  const said = await fetch(`${stack.urls.n8n.replace(/\/$/, '')}/${from}/${path}?${query.toString()}`);
  shown.push(await said.text());
  const ended = await eventually(`an end of ${mode}, ${lender}`, 30_000, async () => {
    const row = await last();
    const done = row !== undefined && row.id > before && ['success', 'error'].includes(row.status);
    return { done, seen: JSON.stringify(row) };
  }).then(last);
  const text = JSON.stringify(await owner.call('GET', `/rest/executions/${ended?.id}?includeData=true`));
  shown.push(text);
  return { status: ended?.status ?? '', text, requests: got.slice(seen) };
}

interface Editor {
  /** What n8n pushed. */
  frames: string[];
  /** Has n8n listen for one test of the workflow. */
  listen(): Promise<unknown>;
  close(): void;
}

/** The editor with the workflow open. */
async function watchEditor(): Promise<Editor> {
  const at = stack.urls.n8n.replace(/\/$/, '');
  const frames: string[] = [];
  const ref = randomUUID();
  const socket = new WebSocket(`${at.replace('http', 'ws')}/rest/push?pushRef=${ref}`, {
    headers: { ...owner.session, origin: at },
  });
  socket.addEventListener('message', ({ data }) => void frames.push(String(data)));
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  const workflow = await owner.call('GET', '/rest/workflows/gatehouseAuto0001');
  return {
    frames,
    async listen() {
      const answer = await fetch(`${at}/rest/workflows/gatehouseAuto0001/run`, {
        method: 'POST',
        headers: { ...owner.session, 'push-ref': ref },
        body: JSON.stringify({ workflowData: workflow, triggerToStartFrom: { name: 'Every Morning' } }),
      });
      return ((await answer.json()) as { data: unknown }).data;
    },
    close: () => socket.close(),
  };
}

/** What stands around the first find, to mend it. */
function excerpt(stores: readonly Store[], text: string): string {
  const whole = stores.find((store) => store.text.includes(text))?.text ?? '';
  const at = whole.indexOf(text);
  return whole.slice(Math.max(0, at - 300), at + 100);
}

describe('n8n’s own HTTP Request node with a secret of the gateway', { timeout: 300_000 }, () => {
  it('calls the host with the secret, and gets what it answered without it, whatever its status', async () => {
    for (const [status, mode] of [
      [200, 'stop'],
      [404, 'continue'],
      [500, 'output'],
      [503, 'retry'],
    ] as const) {
      const ran = await run(mode, `${base}/${status}?n=answered`);
      assert.equal(ran.status, 'success', ran.text.slice(0, 2000));
      assert.deepEqual(ran.requests, [{ url: `/v1/${status}?n=answered`, signed: true }]);
      assert.match(ran.text, /\[redacted\]/);
    }
  });

  it('gets items with the reason of a call that policy refuses, and the host hears of none', async () => {
    for (const mode of ['stop', 'continue', 'output', 'retry'] as const) {
      const ran = await run(mode, `${base}/200?n=UPPER`);
      assert.equal(ran.status, 'success', ran.text.slice(0, 2000));
      assert.match(ran.text, /needs_approval|denied/);
      assert.deepEqual(ran.requests, []);
    }
  });

  it('gets items with the reason of a call whose answer is lost, which is not sent a second time', async () => {
    for (const mode of ['stop', 'retry'] as const) {
      const ran = await run(mode, `${base}/broken?n=${mode}`);
      assert.match(ran.text, /unknown|failed/);
      assert.deepEqual(ran.requests, [{ url: `/v1/broken?n=${mode}`, signed: true }]);
    }
  });

  it('fails, goes on or tries again as its builder chose, where the gateway does not take the call', async () => {
    for (const [mode, status] of [
      ['stop', 'error'],
      ['continue', 'success'],
      ['output', 'success'],
      ['retry', 'error'],
    ] as const) {
      const refused = await run(mode, `${base}/200?n=stale`, 'stale');
      assert.equal(refused.status, status, refused.text.slice(0, 2000));
      assert.match(refused.text, /GH-RUN-001/);
      const away = await run(mode, `${base}/200?n=away`, 'away');
      assert.equal(away.status, status, away.text.slice(0, 2000));
      assert.match(away.text, /ECONNREFUSED/);
      assert.deepEqual([...refused.requests, ...away.requests], []);
    }
  });

  it('shows the same in the editor, where each step is pushed to who tests the workflow', async () => {
    const pushed = await watchEditor();
    for (const [mode, target, lender] of [
      ['stop', `${base}/200?n=tested`, 'good'],
      ['continue', `${base}/200?n=UPPER`, 'good'],
      ['stop', `${base}/200?n=tested`, 'away'],
      ['output', `${base}/200?n=tested`, 'stale'],
    ] as const) {
      const listening = await pushed.listen();
      assert.deepEqual(listening, { waitingForWebhook: true });
      await run(mode, target, lender, 'webhook-test');
    }
    await eventually('pushed steps', 10_000, () => {
      const all = pushed.frames.join('\n');
      return Promise.resolve({
        done: (all.match(/executionFinished/g)?.length ?? 0) >= 4,
        seen: all.slice(0, 500),
      });
    });
    pushed.close();
    assert.match(pushed.frames.join('\n'), /127\.0\.0\.1/);
    shown.push(...pushed.frames);
  });

  it('leaves the secret nowhere: no table, file, log, metric, item, message of the editor or receipt', async () => {
    const stores = [
      ...(await allStores(stack)),
      ...shown.map((text, index) => ({ name: `shown ${index}`, text })),
    ];
    assert.deepEqual(holders(stores, canary), [], excerpt(stores, canary));
    // n8n reads its client token at its start, from a file that only its owner may read.
    const { token } = loot(stack);
    assert.deepEqual(holders(stores, token), ['file:n8n/credentials-overwrite.json']);
    const logs = ['file:logs/n8n.log', 'file:logs/gateway.log', 'n8n:public.execution_data'];
    for (const name of logs)
      assert.ok(
        stores.some((store) => store.name === name && store.text !== ''),
        name,
      );
    // The hunt finds what is there.
    assert.ok(holders(stores, '[redacted]').includes('n8n:public.execution_data'));
  });
});
