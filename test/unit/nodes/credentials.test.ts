import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { built, load } from './build.ts';

interface Loaded {
  properties: Array<{ name: string; typeOptions?: { password?: boolean }; default: unknown }>;
  test: { rules?: Array<{ type: string; properties: { value: number; message: string } }> };
  authenticate(credentials: object, options: object): Promise<Record<string, unknown>>;
}

describe('The credentials', () => {
  let api: Loaded;
  let secret: Loaded;
  before(async () => {
    const folder = await built();
    api = load<Loaded>(folder, 'credentials/GatehouseApi.credentials.js');
    secret = load<Loaded>(folder, 'credentials/GatehouseVaultSecret.credentials.js');
  });

  it('hide their secret fields and hold no value in them', () => {
    for (const { properties } of [api, secret]) {
      for (const { name, typeOptions, default: value } of properties) {
        if (!/token|signing/i.test(name)) continue;
        assert.equal(typeOptions?.password, true, name);
        assert.equal(value, '');
      }
    }
  });

  it('say what a refused test means and what to do, where n8n would only show the status', () => {
    for (const { test } of [api, secret]) {
      const said = new Map(test.rules?.map(({ properties }) => [properties.value, properties.message]));
      assert.match(said.get(401) ?? '', /client token\. Leave it empty where/);
      assert.match(said.get(404) ?? '', /not the gateway’s internal listener/);
    }
  });

  it('answer with a copy, so that the request that n8n stores on errors never holds the token', async () => {
    const options = Object.freeze({
      method: 'POST',
      url: '/v1/decisions',
      headers: Object.freeze({ accept: 'x' }),
    });
    const sent = await api.authenticate({ baseUrl: 'http://gateway', token: 'secret' }, options);
    assert.deepEqual(sent.headers, { accept: 'x', Authorization: 'Bearer secret' });
    assert.equal(sent.baseURL, 'http://gateway');
  });

  const lease = {
    baseUrl: 'http://gateway:8081/',
    token: 'client',
    entry: 'example/token',
    run: 'run_1',
    grant: 'grant_1',
  };

  it('aim n8n’s HTTP Request at the gateway as a call of http.request', async () => {
    const options = Object.freeze({
      method: 'put',
      uri: 'https://api.example.com/v1/things?a=1',
      qs: { b: '2' },
      headers: Object.freeze({ 'x-kept': 'yes' }),
      body: { name: 'x' },
      json: true,
      proxy: 'http://elsewhere',
      resolveWithFullResponse: true,
    });
    const sent = await secret.authenticate(lease, options);
    const { step, ...call } = sent.body as Record<string, unknown>;
    assert.equal(sent.url, 'http://gateway:8081/v1/executions');
    assert.equal(sent.uri, sent.url);
    assert.equal(sent.method, 'POST');
    assert.equal(sent.proxy, undefined);
    assert.equal(sent.resolveWithFullResponse, true);
    assert.deepEqual(call, {
      run: 'run_1',
      tool: 'http.request',
      grant: 'grant_1',
      args: {
        method: 'PUT',
        url: 'https://api.example.com/v1/things?a=1&b=2',
        headers: { 'x-kept': 'yes', 'content-type': 'application/json' },
        body: '{"name":"x"}',
        secret: 'example/token',
      },
    });
    assert.match(String(step), /^request:[0-9a-f]{64}$/);
  });

  it('never send the client token to the target', async () => {
    for (const uri of [
      'https://evil.example',
      'http://gateway.evil.example/v1/whoami',
      'http://gateway:8081/v1/kill-switch',
    ]) {
      const sent = await secret.authenticate(lease, { method: 'POST', uri, headers: {} });
      assert.equal(sent.url, 'http://gateway:8081/v1/executions');
      assert.ok(!JSON.stringify(sent.body).includes('client'));
    }
  });
});
