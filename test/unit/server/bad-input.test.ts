import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '../../../gateway/config/index.ts';
import { internalApp } from '../../../gateway/server/apps.ts';
import { DecisionRequest } from '../../../gateway/server/requests.ts';
import { route } from '../../../gateway/server/route.ts';

const token = 'cli_0123456789abcdef';

describe('our own API, given what it cannot use', () => {
  let url: string;
  let server: Server;
  let handled = 0;

  before(async () => {
    const app = internalApp({
      clients: { authenticate: async (given) => (given === token ? { id: 'n8n', scopes: ['run'] } : null) },
      checks: {},
      openapi: () => ({}),
      log: createLogger('silent'),
      routes: [
        route({
          method: 'post',
          path: '/v1/decisions',
          summary: 'decide',
          scope: 'run',
          body: DecisionRequest,
          handle: async ({ body }) => {
            handled += 1;
            return { args: body.args };
          },
        }),
        route({
          method: 'get',
          path: '/v1/approvals/:id',
          summary: 'show',
          scope: 'run',
          handle: async ({ request }) => ({ id: request.params.id }),
        }),
      ],
    });
    server = createServer(app);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  const call = { run: 'run_12345678', tool: 'ledger.transfer', args: { payee: 'canary' }, step: 's' };
  const good = JSON.stringify(call);
  const withPayee = (text: string): string => good.replace('"canary"', () => text);
  const post = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/v1/decisions`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    });

  it('takes a good call, also of a type that builds on JSON', async () => {
    handled = 0;
    assert.deepEqual(await (await post(good)).json(), { args: { payee: 'canary' } });
    assert.equal((await post(good, { 'content-type': 'application/vnd.x+json; charset=utf-8' })).status, 200);
    assert.equal(handled, 2);
  });

  const cases: [name: string, field: RegExp, body: string | Buffer, headers?: Record<string, string>][] = [
    ['no JSON', /^body$/, 'canary {'],
    ['JSON that ends early', /^body$/, good.slice(0, -1)],
    ['bytes that are no UTF-8', /^body$/, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['a form', /^content-type$/, 'run=canary', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['JSON that does not say so', /^content-type$/, good, { 'content-type': 'text/plain' }],
    ['a bare value', /^body$/, 'null'],
    ['a list', /^body$/, '[]'],
    ['nothing', /^body$/, ''],
    ['a NUL character', /^args\.payee$/, withPayee('"canary\\u0000"')],
    ['half a surrogate pair', /^args\.payee$/, withPayee('"canary\\ud83d"')],
    ['a NUL character in a token', /^run$/, good.replace('run_1', 'run_1\\u0000')],
    ['the same key twice', /^args\.payee$/, withPayee('"canary","payee":"b"')],
    ['the same key spelt differently', /^args\.payee$/, withPayee('"canary","pa\\u0079ee":"b"')],
    ['deep nesting', /^args\.payee$/, withPayee(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)],
    ['deep nesting that never ends', /^args\.payee/, withPayee('{"a":'.repeat(50_000))],
    ['a text where a number of calls is', /^step$/, JSON.stringify({ ...call, step: 7 })],
    ['a key that is not known', /^body$/, JSON.stringify({ ...call, canary: 1 })],
    [
      'a key that is content',
      /^args\.\?$/,
      JSON.stringify({ ...call, args: { [`canary ${'x'.repeat(200)}`]: 1 } }),
    ],
  ];
  for (const [name, field, body, headers] of cases) {
    it(`answers 400 with the field to ${name}, and repeats nothing of it`, async () => {
      handled = 0;
      const answer = await post(body, headers);
      const text = await answer.text();
      assert.equal(answer.status, 400, text);
      assert.equal(answer.headers.get('content-type')?.split(';')[0], 'application/problem+json');
      assert.match((JSON.parse(text) as { field: string }).field, field);
      assert.doesNotMatch(text, /canary/);
      assert.equal(handled, 0);
    });
  }

  it('answers 413 to a body over half a megabyte', async () => {
    assert.equal((await post(withPayee(`"${'canary'.repeat(100_000)}"`))).status, 413);
  });

  it('looks at the token before it reads a byte of the body', async () => {
    const answer = await post('canary {', { authorization: 'Bearer cli_of_somebody_else' });
    assert.equal(answer.status, 401);
    assert.doesNotMatch(await answer.text(), /canary/);
  });

  it('finds nothing under an address with a NUL character, and nothing breaks', async () => {
    for (const path of ['/v1/approvals/a%00b', '/v1/approvals/a?b=%00', '/v1/approvals/%ff']) {
      const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(answer.status, 400, path);
    }
  });
});
