import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permit } from '../../../gateway/egress/index.ts';

/** What a listed address is refused for; undefined where it may be reached. */
function refusal(address: string, networks: string[] = [], port = ':8443'): string | undefined {
  const host = address.includes(':') ? `[${address}]` : address;
  const entry = {
    host: `${new URL(`https://${host}`).hostname}${port}`,
    methods: ['GET'],
    privateNetworks: networks,
  };
  try {
    permit({ written: `https://${host}${port}/`, method: 'GET', credentials: false }, [entry]);
    return undefined;
  } catch (error) {
    assert.equal((error as { rule?: string }).rule, 'network');
    return (error as Error).message;
  }
}

const closed =
  '127.0.0.1 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 ' +
  '0.0.0.0 100.64.0.1 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 240.0.0.1 255.255.255.255 ' +
  '::1 :: fe80::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:a00:1 ::127.0.0.1 ' +
  '64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 5f00::1 4000::1 ' +
  '::ffff:0:127.0.0.1';
for (const address of closed.split(' ')) {
  test(`${address} is not reached`, () => assert.notEqual(refusal(address), undefined));
}

test('public addresses are reached', () => {
  for (const address of ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946', '::ffff:93.184.216.34'])
    assert.equal(refusal(address), undefined, address);
});

test('a private range is opened by its own entry alone, and only for a port that is named', () => {
  assert.equal(refusal('10.1.2.3', ['10.0.0.0/8']), undefined);
  assert.equal(refusal('::ffff:10.1.2.3', ['10.0.0.0/8']), undefined);
  assert.notEqual(refusal('10.1.2.3', ['10.0.0.0/8'], ''), undefined);
  assert.notEqual(refusal('192.168.1.1', ['10.0.0.0/8']), undefined);
});

test('no entry opens where clouds hand out credentials, nor a range that hides another one', () => {
  const all = ['0.0.0.0/0', '::/0', '169.254.0.0/16', '64:ff9b::/96', '2002::/16'];
  const never =
    '169.254.169.254 168.63.129.16 100.100.100.200 fd00:ec2::254 fe80::1 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: 224.0.0.1 0.0.0.0';
  for (const address of never.split(' ')) assert.notEqual(refusal(address, all), undefined, address);
});

const spellings =
  '2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.1 127.0.1 %31%32%37.0.0.1 １２７.0.0.1 127。0。0。1 ①②⑦.0.0.1 0x7F.0.0.0x1';
for (const spelling of spellings.split(' ')) {
  test(`127.0.0.1 is known as ${spelling} too`, () => {
    const entry = { host: '127.0.0.1:8080', methods: ['GET'] };
    const ask = () =>
      permit({ written: `http://${spelling}:8080/`, method: 'GET', credentials: false }, [entry]);
    assert.throws(ask, { rule: 'network' });
  });
}

const tricks: [string, string][] = [
  ['user info', 'https://api.example.com@evil.example/'],
  ['user info with a password', 'https://api.example.com:443@evil.example/'],
  ['empty user info', 'https://api.example.com:@evil.example/'],
  ['a backslash for a slash', 'https://evil.example\\@api.example.com/'],
  ['a fragment before the at sign', 'https://evil.example#@api.example.com/'],
  ['a query before the at sign', 'https://evil.example?@api.example.com/'],
  ['a dot at the end', 'https://api.example.com./'],
  ['a longer name', 'https://api.example.com.evil.example/'],
  ['a name before it', 'https://evil-api.example.com/'],
  ['another port', 'https://api.example.com:8443/'],
  ['a look-alike letter', 'https://api.ex\u0430mple.com/'],
  ['a tab within the name', 'https://api.example\t.com.evil.example/'],
  ['another scheme', 'ftp://api.example.com/'],
  ['no scheme', '//api.example.com/'],
  ['a script', 'javascript://api.example.com/%0aalert(1)'],
  ['a bracketed name', 'https://[api.example.com]/'],
];
for (const [name, written] of tricks) {
  test(`${name} leads to no host that is not listed: ${JSON.stringify(written)}`, () => {
    const entry = { host: 'api.example.com', methods: ['GET'] };
    assert.throws(() => permit({ written, method: 'GET', credentials: false }, [entry]), {
      rule: /^(address|host)$/,
    });
  });
}

test('user info is refused for a host that is listed too', () => {
  for (const info of ['user@', ':password@', 'user:password@']) {
    const ask = () =>
      permit({ written: `https://${info}api.example.com/`, method: 'GET', credentials: false }, [
        { host: 'api.example.com', methods: ['GET'] },
      ]);
    assert.throws(ask, { rule: 'address' });
  }
});

test('an empty list blocks all', () => {
  assert.throws(() => permit({ written: 'https://example.com/', method: 'GET', credentials: false }, []), {
    rule: 'host',
    code: 'GH-EGRESS-003',
  });
});

test('a method and a path are allowed together, or not at all', () => {
  const list = [
    { host: 'api.example.com', methods: ['POST'], paths: ['/write'] },
    { host: 'api.example.com', methods: ['GET'], paths: ['/read'] },
  ];
  const ask = (method: string, path: string) =>
    permit({ written: `https://api.example.com${path}`, method, credentials: true }, list);
  assert.equal(ask('GET', '/read/1').url.pathname, '/read/1');
  assert.throws(() => ask('GET', '/write'), { rule: 'path' });
  assert.throws(() => ask('POST', '/read'), { rule: 'path' });
  assert.throws(() => ask('DELETE', '/read'), { rule: 'method' });
});
