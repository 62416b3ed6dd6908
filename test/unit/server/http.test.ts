import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createLogger, GatehouseError } from '../../../gateway/config/index.ts';
import { internalApp, publicApp } from '../../../gateway/server/apps.ts';
import { openApiDocument } from '../../../gateway/server/openapi.ts';
import { DecisionRequest } from '../../../gateway/server/requests.ts';
import { route } from '../../../gateway/server/route.ts';
import type { ChannelAdapter, Inbound } from '../../../gateway/channels/index.ts';

const log = createLogger('silent');

async function serve(app: Parameters<typeof createServer>[1]): Promise<{ url: string; server: Server }> {
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('the internal listener', () => {
  let url: string;
  let server: Server;
  const token = 'cli_0123456789abcdef';
  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    });

  before(async () => {
    const routes = [
      route({
        method: 'post',
        path: '/v1/decisions',
        summary: 'decide',
        scope: 'run',
        body: DecisionRequest,
        handle: async ({ body }) => ({ tool: body.tool }),
      }),
      route({ method: 'post', path: '/v1/admin', summary: 'x', scope: 'admin', handle: async () => ({}) }),
      route({
        method: 'get',
        path: '/v1/away',
        summary: 'x',
        scope: 'run',
        handle: () => Promise.reject(Object.assign(new Error('no'), { code: '57P03' })),
      }),
      route({
        method: 'get',
        path: '/v1/bug',
        summary: 'x',
        scope: 'run',
        handle: () => Promise.reject(new Error('password=hunter2')),
      }),
    ];
    const app = internalApp({
      clients: { authenticate: async (given) => (given === token ? { id: 'n8n', scopes: ['run'] } : null) },
      checks: { n8n: () => ({ state: 'down', text: 'stopped' }) },
      openapi: () => openApiDocument(routes, 'http://127.0.0.1:8081'),
      log,
      routes,
    });
    ({ url, server } = await serve(app));
  });
  after(() => server.close());

  it('refuses a call without a known client token', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer wrong_0123456789abcdef', `Basic ${token}`]) {
      const answer = await post('/v1/decisions', '{}', { authorization });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('content-type')?.split(';')[0], 'application/problem+json');
      assert.equal(((await answer.json()) as { code: string }).code, 'GH-HTTP-401');
    }
  });

  it('counts refused calls', async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /gatehouse_unauthenticated_total\{surface="api"\} [1-9]/);
  });

  it('refuses a client that lacks the scope', async () => {
    assert.equal((await post('/v1/admin', '{}')).status, 403);
  });

  it('names the field of a body that is not usable, and echoes no value', async () => {
    const body = { run: 'run_12345678', tool: 'a', args: {}, step: 's', canary: 'do-not-echo' };
    const answer = await post('/v1/decisions', JSON.stringify(body));
    const text = await answer.text();
    assert.equal(answer.status, 400);
    assert.doesNotMatch(text, /do-not-echo/);
    const missing = await post('/v1/decisions', JSON.stringify({ ...body, canary: undefined, step: 7 }));
    assert.equal(((await missing.json()) as { field: string }).field, 'step');
  });

  it('answers 400 to what is not JSON and 413 to what is too large', async () => {
    assert.equal((await post('/v1/decisions', '{')).status, 400);
    assert.equal((await post('/v1/decisions', JSON.stringify({ a: 'x'.repeat(600_000) }))).status, 413);
  });

  it('says 503 with Retry-After while the database is away', async () => {
    const answer = await fetch(`${url}/v1/away`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('retry-after'), '5');
  });

  it('never shows the message of an unknown error', async () => {
    const answer = await fetch(`${url}/v1/bug`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /hunter2/);
  });

  it('is alive but not ready when a dependency is down, and names it', async () => {
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const ready = await fetch(`${url}/readyz`);
    assert.equal(ready.status, 503);
    const { checks } = (await ready.json()) as { checks: Record<string, { state: string }> };
    assert.equal(checks.n8n?.state, 'down');
  });

  it('documents each route in OpenAPI 3.1', async () => {
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<
        string,
        { post?: { requestBody: { content: Record<string, { schema: { required: string[] } }> } } }
      >;
    };
    assert.equal(document.openapi, '3.1.0');
    const schema = document.paths['/v1/decisions']?.post?.requestBody.content['application/json']?.schema;
    assert.deepEqual(schema?.required, ['run', 'tool', 'args', 'step']);
  });
});

describe('the public listener', () => {
  let url: string;
  let server: Server;
  let stored: Inbound[] = [];
  let storeFails = false;
  const adapter = {
    kind: 'slack',
    receive: async ({ body }: { body: Buffer }): Promise<Inbound> => {
      const text = body.toString();
      if (text === 'forged')
        throw new GatehouseError('GH-CHANNEL-401', 'The signature is wrong.', { status: 401 });
      if (text === 'challenge') return { kind: 'respond', status: 200, body: { challenge: 'c' } };
      return { kind: 'ignored', reason: text };
    },
  } as unknown as ChannelAdapter;

  before(async () => {
    const app = publicApp({
      webhooks: [{ path: '/channels/slack/events', adapter }],
      accept: async (inbound) => {
        if (storeFails) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
        stored.push(inbound);
      },
      waiting: (_request, response) => void response.status(200).send('waiting'),
      pages: () => undefined,
      checks: { policy: () => ({ state: 'down', text: '/srv/policies/people.yaml:7: wrong' }) },
      log,
    });
    ({ url, server } = await serve(app));
  });
  after(() => server.close());
  const deliver = (body: string): Promise<Response> =>
    fetch(`${url}/channels/slack/events`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });

  it('answers a handshake and acknowledges a delivery after it was accepted', async () => {
    assert.deepEqual(await (await deliver('challenge')).json(), { challenge: 'c' });
    stored = [];
    assert.equal((await deliver('hello')).status, 200);
    assert.equal(stored.length, 1);
  });

  it('does not acknowledge what it could not store', async () => {
    storeFails = true;
    const answer = await deliver('hello');
    storeFails = false;
    assert.equal(answer.status, 503);
    assert.ok(answer.headers.get('retry-after'));
  });

  it('refuses a forged delivery without an echo, and one that is too large', async () => {
    const answer = await deliver('forged');
    assert.equal(answer.status, 401);
    assert.doesNotMatch(await answer.text(), /forged/);
    assert.equal((await deliver('x'.repeat(1_100_000))).status, 413);
  });

  it('says what is not ready to everybody, and why to nobody', async () => {
    const answer = await fetch(`${url}/readyz`);
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), { status: 'not ready', checks: { policy: { state: 'down' } } });
  });

  it('does not expose the internal API', async () => {
    for (const path of ['/v1/whoami', '/metrics', '/openapi.json'])
      assert.equal((await fetch(url + path)).status, 404);
  });
});
