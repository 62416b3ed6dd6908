import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { createEgress, type Allowed, type Answer } from '../../../gateway/egress/index.ts';
import { FakeDns } from '../../support/dns.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A host that does what a test says, and keeps what it was asked. */
class Host {
  readonly seen: { url: string; authorization: string | undefined }[] = [];
  handle: Handler = (_request, response) => void response.end('ok');
  readonly server: Server = createServer((request, response) => {
    this.seen.push({ url: request.url ?? '', authorization: request.headers.authorization });
    this.handle(request, response);
  });
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

const one = new Host();
const other = new Host();
const dns = new FakeDns();
const client = createEgress();
before(async () => {
  for (const { server } of [one, other])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await dns.start();
});
after(async () => {
  for (const { server } of [one, other]) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await dns.stop();
});
beforeEach(() => {
  for (const host of [one, other]) {
    host.seen.splice(0);
    host.handle = (_request, response) => void response.end('ok');
  }
});

const open = (host: Host, change: Partial<Allowed> = {}): Allowed => ({
  host: `127.0.0.1:${host.port}`,
  methods: ['GET', 'POST'],
  privateNetworks: ['127.0.0.0/8'],
  plainHttp: true,
  ...change,
});
const send = (
  path: string,
  allowlist: Allowed[],
  change: { method?: string; redirects?: number; maxBytes?: number; seconds?: number } = {},
): Promise<Answer> =>
  client.send(
    {
      method: change.method ?? 'GET',
      url: `http://127.0.0.1:${one.port}${path}`,
      headers: {},
      credentials: { authorization: 'Bearer canary' },
      signal: AbortSignal.timeout((change.seconds ?? 5) * 1000),
      maxBytes: change.maxBytes ?? 1000,
      redirects: change.redirects ?? 3,
    },
    allowlist,
  );
const redirectTo =
  (location: string, status = 302): Handler =>
  (_request, response) =>
    void response.writeHead(status, { location }).end();

describe('Redirects', () => {
  test('one within the list is followed, with what proves who asks', async () => {
    one.handle = (request, response) =>
      request.url === '/a' ? redirectTo('/b')(request, response) : void response.end('here');
    const answer = await send('/a', [open(one)]);
    assert.equal(answer.body?.toString(), 'here');
    assert.deepEqual(one.seen, [
      { url: '/a', authorization: 'Bearer canary' },
      { url: '/b', authorization: 'Bearer canary' },
    ]);
  });

  test('another origin does not get to see it, not even on the way back', async () => {
    one.handle = (request, response) =>
      request.url === '/a'
        ? redirectTo(`http://127.0.0.1:${other.port}/b`)(request, response)
        : void response.end('here');
    other.handle = redirectTo(`http://127.0.0.1:${one.port}/c`);
    await send('/a', [open(one), open(other)]);
    assert.deepEqual(other.seen, [{ url: '/b', authorization: undefined }]);
    assert.deepEqual(one.seen[1], { url: '/c', authorization: undefined });
  });

  for (const [name, location] of [
    ['a host that is not listed', 'https://evil.example/'],
    ['a path that is not listed', '/secret'],
    ['the metadata address', 'http://169.254.169.254/latest/meta-data/'],
    ['a local address on another port', 'http://127.0.0.1:22/'],
    ['an address with user info', 'http://x:y@127.0.0.1/'],
    ['a file', 'file:///etc/passwd'],
    ['a number for an address', 'http://2130706433/'],
  ] as const) {
    test(`one to ${name} is refused`, async () => {
      one.handle = redirectTo(location);
      await assert.rejects(send('/a/1', [open(one, { paths: ['/a'] })]), { name: 'EgressRefused' });
      assert.equal(one.seen.length, 1);
    });
  }

  test('a chain ends', async () => {
    one.handle = (request, response) => redirectTo(`${request.url}x`)(request, response);
    await assert.rejects(send('/a', [open(one)]), { rule: 'redirect' });
    assert.equal(one.seen.length, 4);
  });

  test('one of a request that changes something is an answer, and nothing else', async () => {
    one.handle = redirectTo('/b', 307);
    assert.equal((await send('/a', [open(one)], { method: 'POST' })).status, 307);
    assert.equal(one.seen.length, 1);
  });
});

describe('Answers', () => {
  test('no more is read than was asked for', async () => {
    let sent = 0;
    one.handle = (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && sent < 50_000_000 && response.write('x'.repeat(65_536))) sent += 65_536;
        if (!response.destroyed && sent < 50_000_000) response.once('drain', more);
      };
      more();
    };
    const answer = await send('/', [open(one)], { maxBytes: 1000 });
    assert.deepEqual([answer.body?.length, answer.truncated], [1000, true]);
    assert.ok(sent < 20_000_000, `${sent} bytes were taken`);
  });

  for (const [name, pack] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const) {
    test(`a ${name} bomb is not unpacked`, async () => {
      const bomb = pack(Buffer.alloc(20_000_000));
      one.handle = (_request, response) =>
        void response.writeHead(200, { 'content-encoding': name }).end(bomb);
      const answer = await send('/', [open(one)], { maxBytes: 1000 });
      assert.deepEqual([answer.body, answer.truncated], [null, true]);
    });
  }

  test('a body that trickles ends with the time of the call', async () => {
    one.handle = (_request, response) => {
      const drip = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(drip));
    };
    const started = Date.now();
    await assert.rejects(send('/', [open(one)], { seconds: 0.5 }));
    assert.ok(Date.now() - started < 5000);
  });

  test('headers that never end are cut off', async () => {
    one.handle = (_request, response) => {
      for (let count = 0; count < 400; count += 1) response.setHeader(`x-${count}`, 'y'.repeat(100));
      response.end();
    };
    await assert.rejects(send('/', [open(one)]));
  });
});

describe('Names', () => {
  const ask = (name: string, allowed: Partial<Allowed>): Promise<Answer> =>
    createEgress({ names: dns.lookup }).send(
      {
        method: 'GET',
        url: `http://${name}:${one.port}/`,
        headers: {},
        signal: AbortSignal.timeout(3000),
        maxBytes: 10,
      },
      [{ host: `${name}:${one.port}`, methods: ['GET'], ...allowed }],
    );

  test('one that leads inside is refused, in a DNS answer like any other', async () => {
    dns.set('inside.example', '127.0.0.1');
    await assert.rejects(ask('inside.example', {}), { rule: 'network' });
    assert.equal(one.seen.length, 0);
  });

  test('one forbidden address among several refuses the name', async () => {
    dns.set('mixed.example', '127.0.0.1,10.0.0.1');
    await assert.rejects(ask('mixed.example', { privateNetworks: ['127.0.0.0/8'] }), { rule: 'network' });
  });

  test('one that flips after it was checked is reached where it was checked, and asked for once', async () => {
    dns.set('flips.example', '127.0.0.1', '10.0.0.1');
    dns.asked.splice(0);
    const answer = await ask('flips.example', { privateNetworks: ['127.0.0.0/8'] });
    assert.equal(answer.body?.toString(), 'ok');
    assert.deepEqual(dns.asked, ['flips.example']);
  });

  test('one that is harmless first and leads inside at the redirect is refused there', async () => {
    const flipping = createEgress({ names: dns.lookup });
    dns.set('rebound.example', '127.0.0.1', '169.254.169.254');
    one.handle = (_request, response) => {
      // A closed connection makes the client look the name up again.
      response.writeHead(302, { location: '/again', connection: 'close' }).end();
    };
    const asked = flipping.send(
      {
        method: 'GET',
        url: `http://rebound.example:${one.port}/`,
        headers: {},
        signal: AbortSignal.timeout(3000),
        maxBytes: 10,
        redirects: 3,
      },
      [{ host: `rebound.example:${one.port}`, methods: ['GET'], privateNetworks: ['127.0.0.0/8'] }],
    );
    await assert.rejects(asked, { rule: 'network' });
    assert.equal(one.seen.length, 1);
  });

  test('one that there is not says that nothing was sent', async () => {
    await assert.rejects(ask('none.example', {}), { code: 'GH-EGRESS-010' });
  });

  test('one that does not prove who it is was sent nothing', async () => {
    dns.set('tls.example', '127.0.0.1');
    const host = `tls.example:${one.port}`;
    const asked = createEgress({ names: dns.lookup }).send(
      {
        method: 'POST',
        url: `https://${host}/`,
        headers: {},
        body: 'canary',
        signal: AbortSignal.timeout(3000),
        maxBytes: 10,
      },
      [{ host, methods: ['POST'], privateNetworks: ['127.0.0.0/8'] }],
    );
    await assert.rejects(asked, { code: 'GH-EGRESS-010' });
    assert.equal(one.seen.length, 0);
  });

  test('networks that one entry opens stay closed to another over the same name', async () => {
    const shared = createEgress({ names: dns.lookup });
    dns.set('shared.example', '127.0.0.1');
    const outgoing = {
      method: 'GET',
      url: `http://shared.example:${one.port}/`,
      headers: {},
      signal: AbortSignal.timeout(3000),
      maxBytes: 10,
    };
    const entry = { host: `shared.example:${one.port}`, methods: ['GET'] };
    await shared.send(outgoing, [{ ...entry, privateNetworks: ['127.0.0.0/8'] }]);
    await assert.rejects(shared.send(outgoing, [entry]), { rule: 'network' });
  });
});

test('a header is one line, and a secret goes out over https alone', async () => {
  const broken = client.send(
    {
      method: 'GET',
      url: `http://127.0.0.1:${one.port}/`,
      headers: { 'x-a': 'b\r\nc: d' },
      signal: AbortSignal.timeout(3000),
      maxBytes: 10,
    },
    [open(one)],
  );
  await assert.rejects(broken, { rule: 'header' });
  await assert.rejects(send('/', [open(one, { plainHttp: false })]), { rule: 'scheme' });
  assert.equal(one.seen.length, 0);
});
