import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTool } from '../../../gateway/catalogue/index.ts';

const text = { type: 'string', maxLength: 200 };
const published = {
  name: 'pages.publish',
  title: 'Publish',
  description: 'Publishes a document.',
  risk: 'outbound',
  args: {
    type: 'object',
    properties: { document: text, documentHash: text },
    required: ['document'],
    additionalProperties: false,
  },
  kinds: { document: 'selects', documentHash: 'content' },
  pins: { document: { by: 'documentHash', form: 'sha256' } } as Record<string, unknown>,
  sentence: 'Publish {document}',
  done: 'Published {document}.',
  idempotencyKey: 'attempt',
  secret: 'pages/postgres',
  connector: {
    kind: 'postgres',
    statement: 'update pages set public = true where name = $1 and sha256 = $2 returning name',
    parameters: ['args.document', 'args.documentHash'],
    returns: 'row',
  } as object,
};
const parse = (change: object = {}) => parseTool('publish.yaml', JSON.stringify({ ...published, ...change }));
const fault = (change: object, message: RegExp): void =>
  assert.throws(() => parse(change), { code: 'GH-CATALOGUE-001', message });

const hash = 'a'.repeat(64);

test('a reference without its pin is named, with what to give', () => {
  const { pinned } = parse();
  assert.equal(pinned({ document: 'terms', documentHash: hash }), null);
  assert.equal(pinned({ document: 'terms', documentHash: `sha256:${hash}` }), null);
  assert.match(
    pinned({ document: 'terms' }) ?? '',
    /document names can change.*Give documentHash: the SHA-256/,
  );
});

const loose: [string, unknown[]][] = [
  ['sha256', ['', 'latest', '*', hash.slice(1), hash.toUpperCase(), `${hash}\n`, ` ${hash}`, 5]],
  ['commit', ['main', 'HEAD', 'a'.repeat(7), 'refs/heads/main', 'A'.repeat(40)]],
  ['version', ['latest', '0', '-1', '1.5', 'v1', '01', 0, 1.5, -3, true, null]],
  ['etag', ['*', 'W/"a"', 'a', '""', '"a", "b"', '"a\n"']],
];
for (const [form, values] of loose) {
  test(`what can still change fixes nothing: ${form}`, () => {
    const { pinned } = parse({ pins: { document: { by: 'documentHash', form } } });
    for (const documentHash of values)
      assert.notEqual(pinned({ document: 'terms', documentHash }), null, String(documentHash));
    // An inherited value is nobody's.
    const inherited = Object.create({ documentHash: hash }) as Record<string, unknown>;
    inherited.document = 'terms';
    assert.notEqual(pinned(inherited), null);
  });
}

test('each form has values that fix a version', () => {
  const good = { sha256: hash, commit: 'b'.repeat(40), version: 7, etag: '"abc"' };
  for (const [form, documentHash] of Object.entries(good)) {
    const { pinned } = parse({ pins: { document: { by: 'documentHash', form } } });
    assert.equal(pinned({ document: 'terms', documentHash }), null, form);
  }
});

test('a tool that has an effect says of each changeable reference how it is fixed', () => {
  fault({ pins: {} }, /publish\.yaml:1: args\.document: sounds like content that can change.*Write pins/);
  parse({ pins: { document: { immutable: 'Documents get a new name with each version.' } } });
  parse({ pins: {}, risk: 'read' });
});

test('a pin that fixes nothing is refused', () => {
  fault({ pins: { document: { by: 'version' } } }, /pins\.document: there is no argument `version`/);
  fault({ pins: { page: { by: 'documentHash' } } }, /pins\.page: there is no argument `page`/);
  fault({ pins: { document: { by: 'document' } } }, /an argument cannot fix its own version/);
  fault({ pins: { document: { by: 'documentHash', form: 'date' } } }, /pins\.document/);
  const blind = {
    kind: 'postgres',
    statement: 'update pages set public = true where name = $1 returning name',
    parameters: ['args.document'],
    returns: 'row',
  };
  fault({ connector: blind }, /pins\.document: nothing checks `documentHash`.*connector\.parameters/);
  const egress = { hosts: ['pages.example.com'] };
  fault(
    { connector: { kind: 'http' }, egress },
    /nothing checks `documentHash`.*if-match: args\.documentHash/,
  );
  parse({ connector: { kind: 'http', headers: { 'if-match': 'args.documentHash' } }, egress });
  fault({ connector: { kind: 'gatehouse', action: 'reply' } }, /nothing checks `documentHash`/);
});

test('a header of the connector names an argument, and none that no call may set', () => {
  const egress = { hosts: ['pages.example.com'] };
  const http = (headers: object) => ({
    egress,
    pins: { document: { immutable: 'x' } },
    connector: { kind: 'http', headers },
  });
  fault(http({ 'if-match': 'args.etag' }), /connector\.headers: there is no argument `etag`/);
  fault(http({ host: 'args.document' }), /connector\.headers\.host: is a header that no call may set/);
  fault(http({ 'If-Match': 'args.document' }), /connector\.headers\.If-Match: .*lower case/);
});
