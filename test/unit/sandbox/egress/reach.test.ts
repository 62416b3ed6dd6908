import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { get, live as liveIn, startWorld, type World } from './support.ts';

let world: World | undefined;
before(async () => (world = await startWorld()));
after(() => world?.stop());
const live = (name: string, body: (world: World) => Promise<void>): void => liveIn(() => world, name, body);

live('Python reaches the host that it was granted, and no other', async (at) => {
  const { port } = at.vendor;
  const good = await at.python(get(`https://api.example.com:${port}/v1?q=1`));
  assert.match(good.stdout, /^200 .*"url":"\/v1\?q=1"/, JSON.stringify(good));
  assert.deepEqual(
    good.egress.map(({ host, method, path, status, outcome }) => [host, method, path, status, outcome]),
    [['api.example.com', 'GET', '/', 200, 'ok']],
  );
  const bad = await at.python(get(`https://other.example.com:${port}/`));
  assert.match(bad.stdout, /403 egress_denied rule=host/, JSON.stringify(bad));
});

live('a host that is not intercepted shows its own certificate', async (at) => {
  const good = await at.python(get(`https://api.example.com:${at.vendor.port}/v1`), [
    at.rule({ intercept: false }),
  ]);
  assert.match(good.stdout, /^200 /, JSON.stringify(good));
  const [use] = good.egress;
  assert.deepEqual([use?.method, use?.outcome], ['CONNECT', 'ok']);
  assert.ok((use?.sentBytes ?? 0) > 100 && (use?.receivedBytes ?? 0) > 100);
});

live('JavaScript reaches it by fetch and by https', async (at) => {
  const url = JSON.stringify(`https://api.example.com:${at.vendor.port}/js`);
  const code = `
import https from 'node:https';
const answer = await fetch(${url}, { method: 'POST', body: 'x'.repeat(200_000) });
console.log(answer.status, (await answer.text()).length > 200_000);
https.get(${url}, (answer) => { console.log(answer.statusCode); answer.resume(); });
await fetch('https://other.example.com/').catch((error) => console.log(error.cause.message));`;
  const result = await at.node(code);
  assert.match(result.stdout, /200 true\n/, JSON.stringify(result));
  assert.match(result.stdout, /^200$/m);
  assert.match(result.stdout, /"code":"egress_denied","rule":"host"/);
});
