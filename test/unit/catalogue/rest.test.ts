import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkCatalogue, faultLine, loadCatalogue, parseTool } from '../../../gateway/catalogue/index.ts';
import { policiesDir } from '../policy/support.ts';

const ticket = `name: tickets.close
title: Close a ticket
description: Closes one ticket.
risk: write
args:
  type: object
  properties:
    ticket: { type: integer, minimum: 1 }
    note: { type: string, maxLength: 500 }
    tags: { type: array, items: { type: string, maxLength: 20 } }
  required: [ticket]
  additionalProperties: false
kinds: { ticket: selects, note: content, tags: content }
sentence: Close ticket {ticket}
done: Closed ticket {ticket}.
idempotencyKey: attempt
connector:
  kind: rest
  api:
    title: Tickets
    url: https://tickets.example.com/v1
    auth: { kind: bearer, secret: tickets/token }
  method: POST
  path: /tickets/{ticket}/close
  query: { note: '{note}' }
  headers: { x-note: '{note}' }
  body: { note: '{note}', tags: '{tags}', by: 'ticket {ticket}' }
  repeat: { natural: A closed ticket stays closed. }
  returns: '{id: id}'
`;

test('a tool can describe its system by itself, and has its secret', () => {
  const tool = parseTool('a.yaml', ticket);
  assert.equal(tool.secret, 'tickets/token');
  assert.equal(tool.api?.title, 'Tickets');
});

/** Name, what is replaced by what, and the fault: its line is that of the replaced text unless another is given. */
const faults: [string, string, string, RegExp, string?][] = [
  [
    'an argument that there is not',
    '{ticket}/close',
    '{tiket}/close',
    /path: there is no argument `tiket`\. Name one of/,
  ],
  [
    'a gap in a path',
    '/tickets/{ticket}/close',
    '/tickets/{ticket}/{note}',
    /path: `note` may be missing, .*Require it/,
  ],
  [
    'a list in a path',
    '/tickets/{ticket}/close',
    '/tickets/{ticket}/{tags}',
    /path: `tags` is not one value/,
  ],
  [
    'a list in a query',
    "query: { note: '{note}'",
    "query: { note: '{tags}'",
    /query\.note: `tags` is not one value/,
  ],
  ['a list within text', "by: 'ticket {ticket}'", "by: 'tags {tags}'", /body\.by: `tags` .*/],
  ['a gap in text', "by: 'ticket {ticket}'", "by: 'note {note}'", /body\.by: `note` may be missing/],
  [
    'a brace that is no argument',
    '{ticket}/close',
    '{ticket}/{{close}',
    /path: has a brace that is no argument/,
  ],
  [
    'segments outside of a path',
    "query: { note: '{note}'",
    "query: { note: '{+note}'",
    /query\.note: \{\+note\} is for a path only/,
  ],
  [
    'a query in the path',
    '/tickets/{ticket}/close',
    '/tickets?id={ticket}',
    /connector\.path: has another form\. Write a path/,
  ],
  [
    'an address for a path',
    '/tickets/{ticket}/close',
    "'https://evil.example/{ticket}'",
    /connector\.path: has another form/,
  ],
  [
    'a header that frames the request',
    'x-note',
    'content-length',
    /headers\.content-length: is a header that no call may set/,
  ],
  ['a body of a GET', 'method: POST', 'method: GET', /connector\.body: GET has no body/, '  body:'],
  [
    'an expression that is none',
    "returns: '{id: id}'",
    "returns: '{id: '",
    /returns: is not a JMESPath expression/,
  ],
  [
    'a function that there is not',
    "returns: '{id: id}'",
    "returns: 'exec(id)'",
    /returns: is not a JMESPath expression/,
  ],
  [
    'an argument that goes nowhere',
    "by: 'ticket {ticket}'",
    'by: x',
    /args\.tags: stands nowhere in the request/,
    '    tags:',
  ],
  [
    'a second time that nothing sees to',
    '  repeat: { natural: A closed ticket stays closed. }\n',
    '',
    /idempotencyKey: nothing sees to it/,
    'idempotencyKey',
  ],
  [
    'a secret over http',
    'https://tickets',
    'http://tickets',
    /connector\.api\.url: would carry the secret over http/,
  ],
  [
    'a private network without a port',
    '    title: Tickets',
    '    privateNetworks: [10.0.0.0/8]',
    /privateNetworks: opens private addresses for no port/,
  ],
  [
    'a shared host without its owner',
    'https://tickets.example.com/v1',
    'https://api.github.com',
    /api\.paths: api\.github\.com is shared by many customers/,
    '    title: Tickets',
  ],
  [
    'a secret of its own',
    'idempotencyKey: attempt',
    'secret: other/token\nidempotencyKey: attempt',
    /secret: a rest tool has the secret and the hosts of its API/,
    'secret:',
  ],
  ['another kind of proof', 'kind: bearer', 'kind: digest', /auth\.kind: .*bearer, basic, header, oauth2/],
];
for (const [name, good, bad, fault, at] of faults) {
  test(`refused at load, with file, line and remedy: ${name}`, () => {
    assert.ok(ticket.includes(good));
    let text = ticket.replace(good, bad);
    if (name === 'an argument that goes nowhere') text = text.replace(", tags: '{tags}'", '');
    if (name.startsWith('a private network')) text = text.replace('api:\n', 'api:\n    title: Tickets\n');
    const line = text.split('\n').findIndex((entry) => entry.includes(at ?? bad.split('\n')[0] ?? '')) + 1;
    assert.throws(
      () => parseTool('a.yaml', text),
      (error: Error) => {
        const found = error.message.split('\n').find((entry) => fault.test(entry));
        assert.ok(found, error.message);
        assert.match(found, new RegExp(`a\\.yaml:${line}: `), error.message);
        return true;
      },
    );
  });
}

test('a system that there is not is named, with those that there are', () => {
  const text = ticket.replace(/ {2}api:\n( {4}.*\n)+/, '  api: tickets\n');
  const known = new Map([['jira', parseTool('a.yaml', ticket).api!]]);
  assert.throws(() => parseTool('a.yaml', text, known), {
    message:
      /a\.yaml:19: connector\.api: there is no policies\/apis\/tickets\.yaml\. Write that file, or name one of jira\./,
  });
});

describe('The files of policies/apis', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-apis-'));
    await cp(policiesDir, folder, { recursive: true });
  });
  after(() => rm(folder, { recursive: true }));
  const faultsWith = async (name: string, change: (text: string) => string): Promise<string[]> => {
    const file = join(folder, 'apis', name);
    const text = await readFile(file, 'utf8');
    await writeFile(file, change(text));
    const { faults } = checkCatalogue(folder);
    await writeFile(file, text);
    return faults.map(faultLine);
  };

  test('a broken one is named, and so is each tool that needs it', async () => {
    const found = await faultsWith('jira.yaml', (text) => text.replace('title: Jira', 'titel: Jira'));
    assert.ok(
      found.some((line) => /apis\/jira\.yaml:\d+: titel: is not a field of an API/.test(line)),
      found[0],
    );
    assert.ok(
      found.some((line) =>
        /jira\.issue\.create\.yaml:\d+: connector\.api: there is no policies\/apis\/jira\.yaml/.test(line),
      ),
    );
  });

  test('all of GitHub is not opened by a line', async () => {
    const found = await faultsWith('github.yaml', (text) =>
      text.replace('/repos/-your-organisation-/', '/repos/'),
    );
    assert.match(found[0] ?? '', /github\.yaml:\d+: paths: api\.github\.com is shared by many customers/);
    const reads = await faultsWith('github.yaml', (text) => text.replace('/search/issues', '/user'));
    assert.match(reads[0] ?? '', /github\.yaml:\d+: paths: api\.github\.com is shared/);
  });

  test('a header of all calls holds neither an argument nor the secret', async () => {
    const found = await faultsWith('github.yaml', (text) =>
      text.replace('accept:', 'authorization: x\n  accept:'),
    );
    assert.match(found[0] ?? '', /headers\.authorization: is the same for every call/);
  });

  test('a changed one changes the version of the catalogue, and voids what was granted under the old', async () => {
    const catalogue = loadCatalogue(folder);
    const file = join(folder, 'apis', 'github.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('-your-organisation-', 'acme'));
    assert.notEqual(catalogue.read().version, catalogue.version);
  });
});
