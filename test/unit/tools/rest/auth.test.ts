import assert from 'node:assert/strict';
import { createHmac, createVerify, generateKeyPairSync } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Received } from '../../../fixtures/vendors/server.ts';
import { AnyVendor, callOf, testConnector, toolFor } from './support.ts';

let vendor: AnyVendor;
before(async () => {
  vendor = await new AnyVendor().start();
});
after(() => vendor.stop());
beforeEach(() => {
  vendor.calls.splice(0);
  vendor.reply = () => ({ status: 200, json: {} });
});
const authTool = (auth: object) => toolFor(vendor.url, { api: { auth }, connector: { body: { a: 1 } } });
const header = (name: string): unknown => vendor.calls.at(-1)?.headers[name];
const run = (auth: object, secret: string) => testConnector().connector.run(callOf(authTool(auth), secret));

test('bearer, basic and a header of the vendor’s own', async () => {
  await run({ kind: 'bearer', secret: 's' }, 'canary');
  assert.equal(header('authorization'), 'Bearer canary');
  await run({ kind: 'basic', secret: 's' }, 'robin:pass:wörd');
  assert.equal(header('authorization'), `Basic ${Buffer.from('robin:pass:wörd').toString('base64')}`);
  await run({ kind: 'basic', secret: 's', user: 'robin' }, 'pass');
  assert.equal(header('authorization'), `Basic ${Buffer.from('robin:pass').toString('base64')}`);
  await run({ kind: 'header', secret: 's', header: 'x-api-key', prefix: 'Key ' }, 'canary');
  assert.equal(header('x-api-key'), 'Key canary');
  assert.equal(header('authorization'), undefined);
});

test('a hash of the very bytes that are sent', async () => {
  await run({ kind: 'hmac', secret: 's', header: 'x-hub-signature-256', prefix: 'sha256=' }, 'canary');
  const expected = createHmac('sha256', 'canary')
    .update(vendor.calls[0]?.raw ?? '')
    .digest('hex');
  assert.equal(header('x-hub-signature-256'), `sha256=${expected}`);
});

test('a secret that its way cannot carry is refused, and nothing is sent', async () => {
  await assert.rejects(run({ kind: 'bearer', secret: 's' }, 'a\r\nx-admin: 1'), { code: 'GH-TOOLS-016' });
  await assert.rejects(run({ kind: 'basic', secret: 's' }, 'no-colon'), { code: 'GH-TOOLS-041' });
  await assert.rejects(run({ kind: 'github-app', secret: 's', appId: '1', installation: 2 }, 'no key'), {
    code: 'GH-TOOLS-041',
  });
  await assert.rejects(testConnector().connector.run(callOf(authTool({ kind: 'bearer', secret: 's' }))), {
    code: 'GH-TOOLS-001',
  });
  assert.equal(vendor.calls.length, 0);
});

describe('OAuth 2', () => {
  const auth = () => ({
    kind: 'oauth2',
    secret: 's',
    tokenUrl: `${vendor.url}/token`,
    clientId: 'me',
    scope: 'a b',
  });
  let issued = 0;
  let revoked = '';
  const server = (request: Received, extra: object = {}) => {
    if (request.path === '/token') {
      issued += 1;
      return {
        status: 200,
        json: { access_token: `token-${issued}`, token_type: 'Bearer', expires_in: 3600, ...extra },
      };
    }
    const status = request.headers.authorization === `Bearer ${revoked}` ? 401 : 200;
    return { status, json: { echo: request.headers.authorization } };
  };
  beforeEach(() => {
    issued = 0;
    revoked = '';
    vendor.reply = server;
  });

  test('client credentials are sent to the token address alone, and their token is kept while it is good', async () => {
    const { connector, advance } = testConnector();
    const call = callOf(authTool(auth()), 'canary secret');
    const first = await connector.run(call);
    const [asked] = vendor.calls;
    assert.equal(
      asked?.headers.authorization,
      `Basic ${Buffer.from('me:canary%20secret').toString('base64')}`,
    );
    assert.equal(asked?.raw, 'grant_type=client_credentials&scope=a+b');
    assert.equal(header('authorization'), 'Bearer token-1');
    assert.ok(!JSON.stringify(first).includes('token-1'), 'the token does not come back');
    await connector.run(call);
    assert.equal(issued, 1);
    advance(3_550_000);
    await connector.run(call);
    assert.equal(issued, 2);
  });

  test('a call with another secret finds no token of the first', async () => {
    const { connector } = testConnector();
    await connector.run(callOf(authTool(auth()), 'one'));
    await connector.run(callOf(authTool(auth()), 'two'));
    assert.equal(issued, 2);
  });

  test('a token that was revoked is got anew, once', async () => {
    const { connector } = testConnector();
    const call = callOf(authTool(auth()), 'canary');
    await connector.run(call);
    revoked = 'token-1';
    assert.equal((await connector.run(call)).status, 'succeeded');
    assert.equal(header('authorization'), 'Bearer token-2');
  });

  test('a refresh token that the vendor replaces is stored before the call goes out', async () => {
    const { connector, renewed } = testConnector();
    const secret = JSON.stringify({ clientSecret: 'cs', refreshToken: 'old' });
    vendor.reply = (request) => {
      if (request.path !== '/token') assert.equal(renewed.length, 1);
      return server(request, { refresh_token: 'new' });
    };
    await connector.run(callOf(authTool({ ...auth(), grant: 'refresh_token' }), secret));
    assert.equal(vendor.calls[0]?.raw, 'grant_type=refresh_token&refresh_token=old&scope=a+b');
    assert.deepEqual(renewed, [['s', JSON.stringify({ clientSecret: 'cs', refreshToken: 'new' })]]);
  });

  for (const [name, answer] of [
    ['a refusal', { status: 400, json: { error: 'invalid_client', hint: 'canary' } }],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example/token' } }],
    ['no token', { status: 200, json: { access_token: 'a\nb' } }],
    ['no JSON', { status: 200, text: '<html>canary' }],
  ] as const) {
    test(`${name} is a failure that quotes nothing, and the call is not sent`, async () => {
      vendor.reply = () => answer;
      await assert.rejects(run(auth(), 'canary'), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'GH-TOOLS-042');
        return !`${error.message}${String(error.cause)}`.includes('canary');
      });
      assert.equal(vendor.calls.length, 1);
    });
  }
});

test('a GitHub App buys a token of its installation with a JWT of ten minutes', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  vendor.reply = ({ path, headers }) => {
    if (path !== '/app/installations/77/access_tokens') return { status: 200, json: {} };
    const [head = '', body = '', signature = ''] = String(headers.authorization)
      .replace('Bearer ', '')
      .split('.');
    const good = createVerify('RSA-SHA256')
      .update(`${head}.${body}`)
      .verify(publicKey, signature, 'base64url');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as {
      iss: string;
      iat: number;
      exp: number;
    };
    if (!good || claims.iss !== 'Iv1.app' || claims.exp - claims.iat > 600) return { status: 401, json: {} };
    return { status: 201, json: { token: 'ghs_canary', expires_at: '2026-11-01T11:00:00Z' } };
  };
  const { connector } = testConnector();
  const tool = authTool({ kind: 'github-app', secret: 's', appId: 'Iv1.app', installation: 77 });
  await connector.run(callOf(tool, pem));
  assert.equal(header('authorization'), 'Bearer ghs_canary');
  await connector.run(callOf(tool, pem));
  assert.equal(vendor.calls.length, 3, 'the token is kept');
});
