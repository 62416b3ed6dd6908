import assert from 'node:assert/strict';
import { after, before } from 'node:test';
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
    ', headers={"Authorization": "Bearer mine", "Cookie": "session=mine", "X-Api-Key": "mine", "X-Auth-Token": "mine", "Private-Token": "mine", "X-Page": "kept"}';
  const result = await at.python(get(url(at), own), bound(at));
  assert.match(result.stdout, /^200 /);
  const { headers } = at.vendor.seen.at(-1) ?? {};
  assert.ok(!JSON.stringify(headers).includes('mine'), JSON.stringify(headers));
  assert.equal(headers?.['x-page'], 'kept');
  const before = at.vendor.seen.length;
  const query = await at.python(get(`${url(at)}?access_token=mine`), bound(at));
  refused(at, query, 'credential', before);
});

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
    [],
  ]) {
    const result = await at.python('print("RAN")', egress);
    assert.equal(result.reason?.code, 'bad_request', JSON.stringify(result));
  }
  const order = await signOrder(orderKey(at.token), {
    ...{ language: 'python', network: 'egress', limits: defaultLimits, artefacts: [] },
    ...{ bytes: { files: 0, stdin: 0, code: 1 }, sha256: '0'.repeat(64) },
  });
  const headers = { 'gatehouse-order': order };
  const answer = await fetch(`${at.runner.url}/runs`, { method: 'POST', headers, body: '1' });
  assert.equal(answer.status, 400);
  const shell = await at.sandbox.run({ language: 'shell', code: 'echo RAN', egress: [at.rule()] });
  assert.equal(shell.status, 'sandbox_unavailable');
});
