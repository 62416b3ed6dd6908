import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parseTool, type Tool } from '../../../gateway/catalogue/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { createHttpConnector } from '../../../gateway/tools/connectors/http.ts';
import { scrubber } from '../../../gateway/egress/index.ts';
import type { Outcome } from '../../../gateway/tools/types.ts';
import { runOf } from '../policy/support.ts';

const connector = createHttpConnector(createEgress());
const canary = 'canary+value/with=signs';
let server: Server;
let host: string;
let seen: { url?: string; headers: NodeJS.Dict<string | string[]> } = { headers: {} };

before(async () => {
  server = createServer((request, response) => {
    seen = { url: request.url, headers: request.headers };
    if (request.url === '/redirect')
      return void response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    if (request.url === '/stale') return void response.writeHead(412).end();
    if (request.url === '/long') return void response.end('x'.repeat(100) + canary);
    if (request.url === '/gzip') {
      const packed = gzipSync(`you sent ${request.headers.authorization}`);
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    }
    if (request.url === '/cut') return void response.end('x'.repeat(57) + canary);
    response.end(`you sent ${request.headers.authorization} and ${Buffer.from(canary).toString('base64')}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => new Promise((resolve) => server.close(resolve)));

type Hosts = (string | { host: string; paths: string[] })[];

function tool(privateNetworks: string[], hosts: Hosts): Tool {
  return parseTool(
    'http.request.yaml',
    JSON.stringify({
      name: 'http.request',
      title: 'HTTP',
      description: 'HTTP',
      risk: 'unclassified',
      args: {
        type: 'object',
        properties: { url: { type: 'string', maxLength: 99 }, version: { type: 'integer' } },
        additionalProperties: false,
      },
      kinds: { url: 'redirects', version: 'content' },
      pins: { url: { by: 'version', form: 'version' } },
      sentence: 'x',
      done: 'x',
      idempotencyKey: 'none',
      egress: {
        hosts,
        methods: ['GET'],
        privateNetworks,
        secrets: [
          { name: 'demo/http', hosts: ['api.example.com', host], plainHttp: true },
          { name: 'demo/https', hosts: [host] },
        ],
      },
      connector: { kind: 'http', headers: { 'if-match': 'args.version' }, maxResponseBytes: 64 },
    }),
  );
}

const call = (
  args: Record<string, unknown>,
  hosts: Hosts = [host],
  networks = ['127.0.0.0/8'],
): Promise<Outcome> =>
  connector.run({
    attempt: 'att_1',
    tool: tool(networks, hosts),
    args,
    caller: runOf(),
    signal: AbortSignal.timeout(5000),
    secret: connector.secretFor?.(tool(networks, hosts), args) && canary,
  });

test('the secret goes out as a header and never comes back, in no encoding', async () => {
  const outcome = await call({ method: 'GET', url: `http://${host}/`, secret: 'demo/http' });
  assert.equal(seen.headers.authorization, `Bearer ${canary}`);
  assert.equal(seen.headers['idempotency-key'], 'att_1');
  assert.ok(!JSON.stringify(outcome).includes('canary'));
  assert.ok(!JSON.stringify(outcome).includes(Buffer.from(canary).toString('base64').slice(0, 20)));
});

test('a body that is cut within the secret shows no part of it', async () => {
  const outcome = await call({ method: 'GET', url: `http://${host}/cut`, secret: 'demo/http' });
  assert.deepEqual(outcome.result, { status: 200, contentType: '', body: 'x'.repeat(57), truncated: true });
});

test('an answer in an encoding that cannot be searched for the secret is kept back', async () => {
  const outcome = await call({ method: 'GET', url: `http://${host}/gzip`, secret: 'demo/http' });
  assert.equal(seen.headers['accept-encoding'], 'identity');
  assert.deepEqual(outcome.result, { status: 200, contentType: '', body: '', truncated: true });
});

test('a redirect is not followed', async () => {
  const outcome = await call({ method: 'GET', url: `http://${host}/redirect` });
  assert.equal(outcome.status === 'failed' && outcome.reasons[0]?.code, 'redirect_refused');
});

test('a redirect out of the listed path is not followed either', async () => {
  const outcome = await call({ method: 'GET', url: `http://${host}/redirect` }, [
    { host, paths: ['/redirect'] },
  ]);
  assert.equal(outcome.status === 'failed' && outcome.reasons[0]?.code, 'redirect_refused');
});

test('a path below a listed one is reached, in the form that was checked', async () => {
  const acme = [{ host, paths: ['/repos/acme/', '/orgs/acme'] }];
  for (const [path, sent] of [
    ['/repos/acme/site/issues?x=/../..', '/repos/acme/site/issues?x=/../..'],
    ['/repos/acme', '/repos/acme'],
    ['/orgs/acme', '/orgs/acme'],
    ['/orgs/acme/teams', '/orgs/acme/teams'],
    ['/repos/evil/../acme/./site', '/repos/acme/site'],
    ['/repos/acme/gr%C3%BC%C3%9Fe', '/repos/acme/gr%C3%BC%C3%9Fe'],
  ]) {
    await call({ method: 'GET', url: `http://${host}${path}` }, acme);
    assert.equal(seen.url, sent);
  }
});

const escapes = [
  '/',
  '/repos/',
  '/repos/acme-evil/site',
  '/repos/ACME/site',
  '/repos/%61cme/site',
  '/orgs/acme-evil',
  '/repos/acme/../evil/site',
  '/repos/acme/..',
  '/repos/acme/%2e%2e/evil',
  '/repos/acme/.%2E/evil',
  '/repos/acme/%2E./evil',
  '/repos/acme/..%2fevil',
  '/repos/acme/%2e%2e%2fevil',
  '/repos/acme/%252e%252e/evil',
  '/repos/acme/%252e%252e%252fevil',
  '/repos/acme/..%5cevil',
  '/repos/acme\\..\\evil',
  '\\repos\\acme\\site',
  '/repos/acme//evil',
  '//repos/acme/site',
  '/repos//acme/site',
  '/repos/acme/..;/evil',
  '/repos/acme;x/site',
  '/repos/acme/%3b/evil',
  '/repos/acme/site%00',
  '/repos/acme/a%0d%0ab',
  '/repos/acme/.\t./evil',
  '/repos/acme/site\n',
  '/repos/acme/\u200b../evil',
  '/rep\u043es/acme/site',
  '/repos/acme\uff0fsite',
  '?/repos/acme/site',
  '#/repos/acme/site',
];
for (const path of escapes) {
  test(`a path that is not plainly below a listed one is refused: ${JSON.stringify(path)}`, async () => {
    seen = { headers: {} };
    const acme = [{ host, paths: ['/repos/acme/', '/orgs/acme'] }];
    await assert.rejects(async () => call({ method: 'GET', url: `http://${host}${path}` }, acme), {
      code: 'GH-EGRESS-004',
    });
    assert.equal(seen.url, undefined, 'nothing was sent');
  });
}

test('a listed path lends its secret to nothing but itself', () => {
  const bound = tool([], []);
  bound.egress?.secrets.push({
    ...bound.egress.secrets[1]!,
    name: 'acme/token',
    hosts: [{ host: 'api.example.com', paths: ['/repos/acme/'] }],
  });
  const lent = (url: string): string | undefined =>
    connector.secretFor?.(bound, { method: 'GET', url, secret: 'acme/token' });
  assert.equal(lent('https://api.example.com/repos/acme/site'), 'acme/token');
  for (const url of [
    'https://api.example.com/repos/evil/site',
    'https://api.example.com/repos/acme/../evil/site',
    'https://api.example.com./repos/acme/site',
    'https://api.example.com:8443/repos/acme/site',
    'https://x:y@api.example.com/repos/acme/site',
    'https://api.example.com@evil.example/repos/acme/site',
    'http://api.example.com/repos/acme/site',
  ])
    assert.equal(lent(url), undefined, url);
});

test('the version that was approved goes out as a header that the call cannot set, and a changed one is a failure', async () => {
  await call({ method: 'GET', url: `http://${host}/`, version: 7 });
  assert.equal(seen.headers['if-match'], '7');
  await assert.rejects(
    async () => call({ method: 'GET', url: `http://${host}/`, version: 7, headers: { 'If-Match': '8' } }),
    { code: 'GH-TOOLS-015' },
  );
  const outcome = await call({ method: 'GET', url: `http://${host}/stale`, version: 7 });
  assert.equal(outcome.status === 'failed' && outcome.reasons[0]?.code, 'reference_changed');
});

const refusals: [string, Record<string, unknown>, string, string[]?, string[]?][] = [
  ['an empty host list', { method: 'GET', url: 'https://example.com/' }, 'GH-EGRESS-003', []],
  ['a host that is not listed', { method: 'GET', url: 'https://evil.example/' }, 'GH-EGRESS-003'],
  ['a listed host on another port', { method: 'GET', url: 'http://127.0.0.1:1/' }, 'GH-EGRESS-003'],
  [
    'a secret for a host that is not its own',
    { method: 'GET', url: 'https://other.example/', secret: 'demo/http' },
    'GH-EGRESS-003',
    ['other.example'],
  ],
  [
    'a secret that is not listed',
    { method: 'GET', url: 'https://example.com/', secret: 'demo/postgres' },
    'GH-TOOLS-013',
  ],
  ['a method that is not listed', { method: 'DELETE', url: 'https://example.com/' }, 'GH-EGRESS-002'],
  ['user info in the address', { method: 'GET', url: 'https://a:b@example.com/' }, 'GH-EGRESS-001'],
  ['another scheme', { method: 'GET', url: 'file:///etc/passwd' }, 'GH-EGRESS-001'],
  [
    'a name that leads to a private address',
    { method: 'GET', url: 'http://localhost:1/' },
    'GH-EGRESS-006',
    ['localhost:1'],
    [],
  ],
  [
    'a private address in another spelling',
    { method: 'GET', url: 'http://2130706433:1/' },
    'GH-EGRESS-006',
    ['127.0.0.1:1'],
    [],
  ],
  [
    'the secret’s own header',
    { method: 'GET', url: 'HOST', headers: { Authorization: 'x' }, secret: 'demo/http' },
    'GH-TOOLS-015',
  ],
  ['a forged host header', { method: 'GET', url: 'HOST', headers: { host: 'x' } }, 'GH-TOOLS-015'],
  ['a secret over an open connection', { method: 'GET', url: 'HOST', secret: 'demo/https' }, 'GH-EGRESS-005'],
  ...['X-HTTP-Method-Override', 'x-method-override', 'Range', 'accept-encoding', 'X-Original-URL'].map(
    (name): (typeof refusals)[number] => [
      `the header ${name}, which changes what is asked for or how it comes back,`,
      { method: 'GET', url: 'HOST', headers: { [name]: 'DELETE' } },
      'GH-TOOLS-015',
    ],
  ),
  [
    'one header in two spellings',
    { method: 'GET', url: 'HOST', headers: { 'X-A': '1', 'x-a': '2' } },
    'GH-TOOLS-015',
  ],
  [
    'a line break in a header',
    { method: 'GET', url: 'HOST', headers: { 'x-a': 'b\r\nc: d' } },
    'GH-TOOLS-015',
  ],
];
for (const [name, args, code, hosts, networks] of refusals) {
  test(`${name} is refused`, async () => {
    const url = args.url === 'HOST' ? `http://${host}/` : args.url;
    await assert.rejects(async () => call({ ...args, url }, hosts, networks), { code });
  });
}

test('no text keeps a secret, wherever it stands', () => {
  const secret = fc.string({ minLength: 8, unit: 'grapheme-ascii' });
  const html = (text: string): string =>
    text.replace(
      /[&<>"']/g,
      (mark) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }[mark]};`,
    );
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (left, value, right) => {
      fc.pre(!'[redacted]'.includes(value));
      for (const form of [
        value,
        encodeURIComponent(value),
        encodeURIComponent(value).toLowerCase(),
        Buffer.from(value).toString('base64url'),
        Buffer.from(value).toString('hex').toUpperCase(),
        JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
        html(value),
      ]) {
        // Only the digits of %-escapes may be in either case.
        fc.pre(form !== encodeURIComponent(value).toLowerCase() || value === value.toLowerCase());
        assert.ok(!scrubber([value])(`${left}${form}${right}`).includes(form));
      }
    }),
  );
});

test('a secret is found in JSON as Go and .NET write it, with marks as escapes', () => {
  const value = `left+right&<mark>"quote"'/\\`;
  for (const echoed of [
    String.raw`left+right\u0026\u003cmark\u003e\"quote\"'/\\`,
    String.raw`left\u002Bright\u0026\u003Cmark\u003E\u0022quote\u0022\u0027/\\`,
  ]) {
    assert.equal(JSON.parse(`"${echoed}"`), value);
    assert.equal(scrubber([value])(`{"you sent":"${echoed}"}`), '{"you sent":"[redacted]"}');
  }
});

test('a secret inside of other text is found in Base64 as well, as in an echoed authorization header', () => {
  const secret = fc.string({ minLength: 12, unit: 'grapheme-ascii' });
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (left, value, right) => {
      for (const encoding of ['base64', 'base64url'] as const) {
        const echoed = Buffer.from(`${left}${value}${right}`).toString(encoding);
        const clean = scrubber([value])(echoed);
        assert.match(clean, /\[redacted\]/);
        // At each end at most three characters are left, which hold bits of the neighbours as well.
        assert.ok(
          clean.length <= echoed.length - Math.floor((value.length * 8) / 6) + 6 + '[redacted]'.length,
        );
      }
    }),
  );
});
