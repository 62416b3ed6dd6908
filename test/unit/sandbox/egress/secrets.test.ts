import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { orderKey, signOrder } from '../../../../gateway/sandbox/order.ts';
import { defaultLimits } from '../../../../gateway/sandbox/container.ts';
import type { EgressRequest } from '../../../../gateway/sandbox/contract.ts';
import { get, live as liveIn, refused, startWorld, type World } from './support.ts';

let world: World | undefined;
before(async () => (world = await startWorld(0)));
after(() => world?.stop());
const live = (name: string, body: (world: World) => Promise<void>): void => liveIn(() => world, name, body);

const value = 'the-real-secret-9d3f';
const secret = { name: 'acme/token', header: 'authorization', prefix: 'Bearer ', value };
const bound = (at: World): EgressRequest[] => [at.rule({ secret }), at.rule({ host: 'other.example.com' })];
const url = (at: World, host = 'api.example.com'): string => `https://${host}:${at.vendor.port}/v1`;
const placeholder = 'import os\nplace = os.environ["GATEHOUSE_SECRET_ACME_TOKEN"]\n';
const sent = ', headers={"Authorization": "Bearer " + place}';

live('a placeholder is swapped towards its own host, and the secret never comes in', async (at) => {
  const all =
    'print(place)\nprint(sorted(os.environ.items()))\nprint(open("/tmp/.gatehouse-ca.pem").read())\n';
  const result = await at.python(`${placeholder}${get(url(at), sent)}${all}`, bound(at));
  assert.match(result.stdout, /^200 /, JSON.stringify(result));
  assert.equal(at.vendor.seen.at(-1)?.headers.authorization, `Bearer ${value}`);
  assert.match(result.stdout, /Bearer \[redacted\]/, 'the host echoes it');
  assert.match(result.stdout, /gatehouse-secret-[0-9a-f]{32}/);
  assert.ok(!JSON.stringify(result).includes(value));
});

live('attack: a placeholder anywhere else is refused, and the next call works', async (at) => {
  const strays = {
    'another host': get(url(at, 'other.example.com'), sent),
    'another header': get(url(at), ', headers={"X-Note": place}'),
    'another prefix': get(url(at), ', headers={"Authorization": "Basic " + place}'),
    'the query': get(`${url(at)}?q=`).replace('?q="', '?q=" + place'),
    'the path, encoded': get(`${url(at)}/`).replace('/v1/"', '/v1/%67" + place[1:]'),
    'the body': get(url(at), ', data=place.encode()'),
    'the path, encoded, beside an escape that is none': get(`${url(at)}/%zz`).replace(
      '%zz"',
      '%zz/%67" + place[1:]',
    ),
    'of another run': get(url(at), ', headers={"Authorization": "Bearer gatehouse-secret-" + "0" * 32}'),
  };
  for (const [where, code] of Object.entries(strays)) {
    const before = at.vendor.seen.length;
    const result = await at.python(`${placeholder}${code}`, bound(at));
    assert.match(
      result.stdout,
      /^403 \{"code":"egress_denied","rule":"placeholder"/,
      `${where}: ${result.stdout}`,
    );
    refused(at, result, 'placeholder', before);
  }
  const both = await at.python(`${placeholder}${strays['the body']}${get(url(at), sent)}`, bound(at));
  assert.deepEqual(
    both.egress.map(({ outcome }) => outcome),
    ['refused', 'ok'],
  );
});

live('attack: credentials that the code brings along are taken away', async (at) => {
  const own =
    ', headers={"Authorization": "Bearer mine", "Cookie": "session=mine", "X-Api-Key": "mine", "X-Auth-Token": "mine", "Private-Token": "mine", "X-S3-Token": "mine", "X-Access-Key": "mine", "X-Password": "mine", "X-Page": "kept", "Idempotency-Key": "order-1"}';
  const result = await at.python(get(url(at), own), bound(at));
  assert.match(result.stdout, /^200 /);
  const { headers } = at.vendor.seen.at(-1) ?? {};
  assert.ok(!JSON.stringify(headers).includes('mine'), JSON.stringify(headers));
  assert.equal(headers?.['x-page'], 'kept');
  assert.equal(headers['idempotency-key'], 'order-1', 'it proves nothing');
  const before = at.vendor.seen.length;
  for (const name of ['access_token', '%61ccess_token', 'token', 'client_secret', 'X-Amz-Signature'])
    refused(at, await at.python(get(`${url(at)}?${name}=mine`), bound(at)), 'credential', before);
  const pages = await at.python(get(`${url(at)}?page_token=2`), bound(at));
  assert.match(pages.stdout, /^200 /);
});

live(
  'attack: a host that echoes the secret in pieces, in a name or packed shows it to nobody',
  async (at) => {
    const echoes: Record<string, (response: ServerResponse, value: string) => void> = {
      '/pieces': (response, text) => {
        for (const letter of text) response.write(letter);
        setTimeout(() => response.end(), 20);
      },
      '/halves': (response, text) => {
        response.write(text.slice(0, -6));
        setTimeout(() => response.end(text.slice(-6)), 100);
      },
      '/named': (response, text) => response.setHeader(`x-${text.slice(7)}`, '1').end('named'),
      '/valued': (response, text) => response.setHeader('x-echo', text).end('valued'),
      '/base64': (response, text) => response.end(Buffer.from(`ab${text}cd`).toString('base64')),
      '/gzip': (response, text) => response.setHeader('content-encoding', 'gzip').end(gzipSync(text)),
      '/deflate': (response, text) =>
        response.setHeader('content-encoding', 'Deflate').end(deflateSync(text)),
      '/gzip-without-end': (response, text) =>
        void response.setHeader('content-encoding', 'gzip').write(gzipSync(text)),
      '/br': (response, text) =>
        response.setHeader('content-encoding', 'identity, br').end(brotliCompressSync(text)),
    };
    for (const [path, echo] of Object.entries(echoes)) {
      at.vendor.answers.set(path, (request, response) => echo(response, request.headers.authorization ?? ''));
      const address = url(at).replace('/v1', path);
      const code = `${get(address, sent)}\nprint(list(answer.headers.items()) if 'answer' in globals() else '')`;
      const result = await at.python(`${placeholder}${code}`, bound(at));
      assert.equal(at.vendor.seen.at(-1)?.headers.authorization, `Bearer ${value}`, path);
      assert.ok(!result.stdout.includes(value), `${path}: ${result.stdout}`);
      assert.ok(!result.stdout.includes(Buffer.from(`ab${value}`).toString('base64').slice(4, 20)), path);
      const packed = /gzip|deflate|br$/.test(path);
      assert.match(result.stdout, packed ? /^502 \{"code":"egress_failed"/ : /^200 /, path);
    }
    at.vendor.answers.clear();
  },
);

live(
  'attack: a host that shows the password of Basic shows it to nobody, whatever its letters',
  async (at) => {
    const password = 'Pässwörd-€-9d3f';
    const basic = { ...secret, prefix: 'Basic ', value: Buffer.from(`acme:${password}`).toString('base64') };
    const escaped = password.replace(
      /[^ -~]/g,
      (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const shown = { '/utf8': password, '/json': escaped, '/percent': encodeURIComponent(password) };
    for (const [path, text] of Object.entries(shown)) {
      at.vendor.answers.set(path, (_request, response) => response.end(`you are <${text}>, ünd`));
      const code = get(url(at).replace('/v1', path), ', headers={"Authorization": "Basic " + place}');
      const result = await at.python(`${placeholder}${code}`, [at.rule({ secret: basic })]);
      assert.equal(result.stdout, '200 you are <[redacted]>, ünd\n', path);
    }
    at.vendor.answers.clear();
  },
);

live('an order whose placeholder’s host is not intercepted is refused before it starts', async (at) => {
  for (const more of [{ secret }, { methods: ['GET' as const] }, { paths: ['/v1'] }]) {
    const result = await at.python('print("RAN")', [at.rule({ intercept: false, ...more })]);
    assert.equal(result.reason?.code, 'bad_request');
    assert.match(result.reason?.text ?? '', /not intercepted/);
    assert.equal(result.stdout, '');
  }
});

live('an order that opens an address, an unknown field or the network alone is refused', async (at) => {
  for (const egress of [
    [at.rule({ host: '127.0.0.1' })],
    [at.rule({ host: '0x7f.1' })],
    [at.rule({ host: '*.example.com' })],
    [{ ...at.rule(), everything: true }],
    [at.rule({ intercept: false }), at.rule({ secret })],
    [],
  ]) {
    const result = await at.python('print("RAN")', egress);
    assert.equal(result.reason?.code, 'bad_request', JSON.stringify(result));
  }
  const order = signOrder(orderKey(at.token), {
    ...{ language: 'python', network: 'egress', limits: defaultLimits, artefacts: [] },
    ...{ bytes: { files: 0, stdin: 0, code: 1 } },
  });
  const headers = { 'gatehouse-order': order };
  const answer = await fetch(`${at.runner.url}/runs`, { method: 'POST', headers, body: '1' });
  assert.equal(answer.status, 400);
  const shell = await at.sandbox.run({ language: 'shell', code: 'echo RAN', egress: [at.rule()] });
  assert.equal(shell.status, 'sandbox_unavailable');
});
