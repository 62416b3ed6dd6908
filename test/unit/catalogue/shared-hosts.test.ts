import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTool } from '../../../gateway/catalogue/index.ts';

/** A tool that may reach what `egress` says. */
function withEgress(egress: object): string {
  return JSON.stringify(
    {
      name: 'http.request',
      title: 'HTTP',
      description: 'HTTP',
      risk: 'outbound',
      args: {
        type: 'object',
        properties: { url: { type: 'string', maxLength: 99 } },
        additionalProperties: false,
      },
      kinds: { url: 'redirects' },
      sentence: 'x',
      done: 'x',
      idempotencyKey: 'none',
      egress,
      connector: { kind: 'http' },
    },
    null,
    1,
  );
}

const hosts = (entry: unknown): string => withEgress({ hosts: [entry] });
const secrets = (entry: unknown, header = 'authorization'): string =>
  withEgress({ hosts: [], secrets: [{ name: 'a/token', hosts: [entry], header }] });

const refused: [unknown, RegExp][] = [
  ['api.github.com', /paths: \['\/repos\/<owner>\/'\]/],
  ['api.github.com:8443', /shared by many customers/],
  [{ host: 'api.github.com', paths: ['/repos/'] }, /<owner>/],
  [{ host: 'api.github.com', paths: ['/user/'] }, /<owner>/],
  [{ host: 'api.github.com', paths: ['/repos/acme/', '/graphql'] }, /<owner>/],
  ['raw.githubusercontent.com', /<owner>/],
  ['s3.amazonaws.com', /<bucket>/],
  ['s3.eu-west-1.amazonaws.com', /<bucket>/],
  ['sts.amazonaws.com', /<bucket>\.s3/],
  ['dynamodb.eu-west-1.amazonaws.com', /service of your own/],
  ['storage.googleapis.com', /<bucket>/],
  [{ host: 'storage.googleapis.com', paths: ['/storage/v1/b/'] }, /<bucket>/],
  ['translate.googleapis.com', /service of your own/],
  ['slack.com', /hooks\.slack\.com/],
  [{ host: 'slack.com', paths: ['/api/chat.postMessage'] }, /hooks\.slack\.com/],
  ['files.slack.com', /hooks\.slack\.com/],
  ['hooks.slack.com', /<workspace>/],
  [{ host: 'hooks.slack.com', paths: ['/services/T1'] }, /<workspace>/],
  ['api.telegram.org', /Telegram channel/],
  [{ host: 'graph.microsoft.com', paths: ['/v1.0/me/'] }, /<id>/],
  [{ host: 'login.microsoftonline.com', paths: ['/common/'] }, /<tenant>/],
  ['discord.com', /<webhook>/],
  ['api.notion.com', /<page>/],
  ['gitlab.com', /<project>/],
  ['api.bitbucket.org', /<workspace>/],
  ['content.dropboxapi.com', /service of your own/],
  ['api.stripe.com', /egress\.secrets/],
  ['graph.facebook.com', /<version>\/<id>/],
  [{ host: 'graph.facebook.com', paths: ['/v21.0/me/'] }, /<version>\/<id>/],
  ['webhook.site', /<token>/],
];
for (const [entry, remedy] of refused) {
  test(`an entry that does not say whose part of a shared host is meant is refused: ${JSON.stringify(entry)}`, () => {
    assert.throws(() => parseTool('http.yaml', hosts(entry)), {
      code: 'GH-CATALOGUE-001',
      message: remedy,
    });
    assert.throws(() => parseTool('http.yaml', hosts(entry)), {
      message: /http\.yaml:\d+: egress\.hosts\.0: .*shared by many customers/,
    });
  });
}

const forms: unknown[] = [
  '*.amazonaws.com',
  '*',
  'api.github.com.',
  'API.GitHub.com',
  'api..github.com',
  '.github.com',
  'https://api.github.com',
  'api.github.com/repos/acme',
  'user@api.example.com',
  'api.ｇithub.com',
  { host: 'api.example.com', paths: [] },
  { host: 'api.example.com', paths: ['repos/acme'] },
  { host: 'api.example.com', paths: ['/'] },
  { host: 'api.example.com', paths: ['/repos/../orgs/'] },
  { host: 'api.example.com', paths: ['/./repos/'] },
  { host: 'api.example.com', paths: ['/repos//acme/'] },
  { host: 'api.example.com', paths: ['/repos/%2e%2e/'] },
  { host: 'api.example.com', paths: ['/repos/acme?x=1'] },
  { host: 'api.example.com', prefix: '/repos/' },
];
for (const entry of forms) {
  test(`a wildcard, another spelling or a path that can leave itself is no entry: ${JSON.stringify(entry)}`, () => {
    assert.throws(() => parseTool('http.yaml', hosts(entry)), {
      message: /http\.yaml:\d+: egress\.hosts\.0\S*: .*\. Write|Remove/,
    });
  });
}

const bound: unknown[] = [
  'api.example.com',
  'localhost:8080',
  '[::1]:8080',
  'acme.atlassian.net',
  { host: 'api.github.com', paths: ['/repos/acme/', '/orgs/acme'] },
  { host: 's3.eu-west-1.amazonaws.com', paths: ['/acme-invoices/'] },
  'acme-invoices.s3.eu-west-1.amazonaws.com',
  'acme.storage.googleapis.com',
  'acme.blob.core.windows.net',
  'a1b2c3.execute-api.eu-west-1.amazonaws.com',
  { host: 'sqs.eu-west-1.amazonaws.com', paths: ['/123456789012/orders'] },
  { host: 'hooks.slack.com', paths: ['/services/T0ACME/B0ACME/'] },
  { host: 'login.microsoftonline.com', paths: ['/acme.example.com/'] },
  { host: 'graph.microsoft.com', paths: ['/v1.0/sites/acme.example.com/'] },
];
for (const entry of bound) {
  test(`an entry that names its owner, bucket or workspace is good: ${JSON.stringify(entry)}`, () => {
    parseTool('http.yaml', hosts(entry));
    parseTool('http.yaml', secrets(entry));
  });
}

test('a host that takes its account from the token alone is bound by the secret that is listed for it', () => {
  parseTool('http.yaml', secrets('api.stripe.com'));
  assert.throws(() => parseTool('http.yaml', hosts('api.stripe.com')), { message: /egress\.secrets/ });
  assert.throws(() => parseTool('http.yaml', secrets('api.stripe.com', 'x-token')), {
    message: /as authorization/,
  });
  assert.throws(() => parseTool('http.yaml', secrets('api.github.com')), {
    message: /egress\.secrets\.0\.hosts\.0: .*<owner>/,
  });
});

test('private addresses are opened for a host with its port, not for every port', () => {
  const networks = ['10.0.0.0/8'];
  assert.throws(
    () => parseTool('http.yaml', withEgress({ hosts: ['hooks.internal'], privateNetworks: networks })),
    { message: /egress\.privateNetworks: opens private addresses for no port in particular\. List the host/ },
  );
  parseTool('http.yaml', withEgress({ hosts: ['hooks.internal:8443'], privateNetworks: networks }));
});
