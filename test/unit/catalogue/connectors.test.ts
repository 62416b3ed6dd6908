import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkCatalogue, loadCatalogue, toolPage } from '../../../gateway/catalogue/index.ts';
import { readTool } from '../../../gateway/catalogue/parse.ts';
import { loadSettings } from '../../../gateway/config/index.ts';
import { policiesDir } from '../policy/support.ts';

const textOf = (name: string): string => readFileSync(join(policiesDir, 'tools', `${name}.yaml`), 'utf8');

const faults: [string, string, string, string, RegExp][] = [
  ['a free query that is no read', 'database.query', 'risk: read', 'risk: write', /a free query only reads/],
  [
    'a free query in no argument',
    'database.query',
    '  sql: sql\n',
    '  sql: text\n',
    /`text` is no required text/,
  ],
  [
    'a free query without a secret',
    'database.query',
    'secret: demo/postgres-reader\n',
    '',
    /name the secret/,
  ],
  [
    'a function with an argument list',
    'database.query',
    'maxRows: 200',
    'functions: ["pg_sleep(1)"]',
    /functions/,
  ],
  [
    'counted rows of a truncate',
    'prices.raise',
    'update prices set price = round(price * (1 + $1::numeric / 100), 2)',
    'with x as (select $1) truncate prices',
    /rows that truncate removes are not counted/,
  ],
  [
    'a dry run of a connector without',
    'chat.post',
    'preview: { none: A message cannot be tried out. }',
    'preview: { dryRun: true }',
    /has no dry run/,
  ],
  [
    'a write of files without its content',
    'files.write',
    'required: [path, content]',
    'required: [path]',
    /write needs the argument `content`/,
  ],
  [
    'a deletion of files without its pin',
    'files.delete',
    'required: [path, sha256]',
    'required: [path]',
    /delete needs the argument `sha256`/,
  ],
  [
    'an argument that files make nothing of',
    'files.read',
    'connector: { kind: files, action: read }',
    'connector: { kind: files, action: list }',
    /list makes nothing of it/,
  ],
  ['a relative root', 'files.read', 'action: read }', 'action: read, root: shared }', /connector/],
  ['mail that is no outbound call', 'mail.send', 'risk: outbound', 'risk: write', /mail leaves the house/],
  [
    'mail that is repeated',
    'mail.send',
    'idempotencyKey: none',
    'idempotencyKey: attempt',
    /takes one mail twice/,
  ],
  ['mail whose recipients do not count', 'mail.send', 'to: redirects', 'to: content', /says where it goes/],
  ['mail without a login', 'mail.send', 'secret: mail/smtp\n', '', /holds the login of the mail server/],
  [
    'a sender with a line break',
    'mail.send',
    'name: The office',
    'name: "The\\nBcc: eve@evil.example"',
    /connector/,
  ],
  [
    'a sender with a name in its address',
    'mail.send',
    'address: office@example.com',
    'address: "Office <office@example.com>"',
    /connector/,
  ],
  [
    'a way out that is not https',
    'mail.blast',
    'https://example.com/unsubscribe/',
    'http://example.com/unsubscribe/',
    /connector\.unsubscribe: has another form/,
  ],
  [
    'a way out that is the same for all',
    'mail.blast',
    'unsubscribe/{token}',
    'unsubscribe',
    /connector\.unsubscribe: has another form/,
  ],
  [
    'a way out that ends its header',
    'mail.blast',
    '{token}\n',
    '{token}>,<https://evil.example\n',
    /connector\.unsubscribe: has another form/,
  ],
  [
    'a user as a conversation',
    'chat.post',
    'conversations: {}',
    'conversations: { ann: { channel: slack, id: U0123 } }',
    /conversations\.ann\.id: has another form/,
  ],
  [
    'a person as a conversation',
    'chat.post',
    'conversations: {}',
    "conversations: { ann: { channel: telegram, id: '123' } }",
    /conversations\.ann\.id: has another form/,
  ],
  [
    'a channel that cannot be written into',
    'chat.post',
    'conversations: {}',
    'conversations: { ann: { channel: web, id: C0123 } }',
    /connector/,
  ],
  [
    'a conversation that does not redirect',
    'chat.post',
    'conversation: redirects',
    'conversation: content',
    /says where it goes/,
  ],
];
for (const [name, tool, good, bad, message] of faults) {
  test(`attack: ${name} is refused`, () => {
    const text = textOf(tool);
    assert.ok(text.includes(good), good);
    const read = readTool('t.yaml', text.replace(good, bad));
    assert.ok('faults' in read, 'it was taken');
    assert.match(
      read.faults.map(({ field, fault, remedy }) => `${field}: ${fault}. ${remedy}`).join('\n'),
      message,
    );
  });
}

test('every shipped tool has a page, which names no secret’s value and where it goes', () => {
  for (const tool of loadCatalogue(policiesDir).list())
    assert.match(toolPage(tool, 'Nobody.'), /## Where it may go\n\n\S/);
});

test('attack: a tool of files whose root holds, is or lies in the policies or the keys does not load', () => {
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-roots-'));
  const policies = join(base, 'policies');
  const data = join(base, 'data');
  mkdirSync(join(policies, 'tools'), { recursive: true });
  mkdirSync(data);
  symlinkSync(data, join(base, 'link'));
  const check = (root: string): number => {
    for (const name of ['files.read', 'mail.send']) {
      const connector =
        name === 'files.read' ? `action: read, root: '${root}' }` : `kind: smtp\n  root: '${root}'`;
      const text = textOf(name).replace(name === 'files.read' ? 'action: read }' : 'kind: smtp', connector);
      writeFileSync(join(policies, 'tools', `${name}.yaml`), text);
    }
    const { faults } = checkCatalogue(policies, [data]);
    for (const { fault } of faults) assert.match(fault, /which no tool may reach|has another form/);
    return faults.length;
  };
  for (const root of [
    policies,
    `${policies}/tools`,
    `${policies}/not/yet`,
    base,
    '/',
    data,
    `${data}/inner`,
    join(base, 'link'),
    `${base}/link/x`,
    `${base}/x/../data`,
  ])
    assert.equal(check(root), 2, root);
  assert.equal(check(join(base, 'files')), 0);
  assert.equal(check(`${data}-not`), 0);
  rmSync(base, { recursive: true });
});

test('attack: a folder for files that touches policies, keys or the program is no setting', () => {
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-settings-'));
  const environment = {
    GATEHOUSE_DATABASE_URL: 'postgres://a@b/c',
    GATEHOUSE_DATA_DIR: join(base, 'data'),
    GATEHOUSE_POLICIES_DIR: join(base, 'policies'),
    GATEHOUSE_KEY_FILE: join(base, 'keys', 'key'),
  };
  const wanted = (path: string) => () => loadSettings({ ...environment, GATEHOUSE_FILES_DIR: path });
  for (const path of [
    base,
    '/',
    join(base, 'data', 'files'),
    join(base, 'policies'),
    join(base, 'keys'),
    join(import.meta.dirname, 'x'),
  ])
    assert.throws(
      wanted(path),
      { code: 'GH-CONFIG-001', message: /GATEHOUSE_FILES_DIR: shares files with/ },
      path,
    );
  assert.throws(wanted('files'), /GATEHOUSE_FILES_DIR: is no absolute path/);
  assert.equal(wanted(join(base, 'files'))().filesDir, join(base, 'files'));
  rmSync(base, { recursive: true });
});
