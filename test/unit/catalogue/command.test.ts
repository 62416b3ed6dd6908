import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { callOf, checkCatalogue, loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { parseCommand } from '../../../gateway/envelope/index.ts';

const policies = fileURLToPath(new URL('../../../policies', import.meta.url));
const tools = loadCatalogue(policies).list();
const read = (text: string) => {
  const command = parseCommand(text);
  assert.ok(command, text);
  return callOf(tools, command);
};

test('each shipped command is read from its own example, into arguments that its tool takes', () => {
  const shown = tools.filter(({ command, usage }) => command !== undefined && usage !== undefined);
  assert.ok(shown.length >= 18);
  for (const { name, usage = '', check } of shown) {
    const call = read(usage);
    assert.equal(call?.tool, name, usage);
    assert.equal(check(call.args), null, usage);
  }
});

test('words go where the command puts them, as they were typed', () => {
  for (const [text, tool, args] of [
    [
      '/issue acme site "Login fails" Since “Monday”',
      'github.issue.create',
      { owner: 'acme', repo: 'site', title: 'Login fails', body: 'Since “Monday”' },
    ],
    [
      '/issue acme site “Login fails” "It does"',
      'github.issue.create',
      { owner: 'acme', repo: 'site', title: 'Login fails', body: 'It does' },
    ],
    ['/close-issue acme site 42', 'github.issue.close', { owner: 'acme', repo: 'site', number: 42 }],
    [
      '/mail a@example.com,b@example.com Hi all of you',
      'mail.send',
      { to: ['a@example.com', 'b@example.com'], subject: 'Hi', text: 'all of you' },
    ],
    [
      '/hook orders order.shipped order=17 note="two words"',
      'webhook.send',
      { hook: 'orders', event: 'order.shipped', data: { order: '17', note: 'two words' } },
    ],
    ['/query select "name" from customers', 'database.query', { sql: 'select "name" from customers' }],
    ['/file LIST', 'files.list', {}],
  ] as const) {
    assert.deepEqual(read(text), { tool, args }, text);
  }
});

test('what is missing or has another form is left to the schema of the tool, which refuses it', () => {
  for (const text of [
    '/issue',
    '/issue acme Title body',
    '/issue acme site "only a title"',
    '/issue acme site "never closed',
    '/close-issue acme site many',
    '/jira delete OPS-1 please',
    '/deal delete 1 2',
    '/hook orders order.shipped no pairs',
    '/mail ann@example.com Hi',
    '/dispatch .. .. deploy.yml main',
  ]) {
    const call = read(text);
    const tool = tools.find(({ name }) => name === call?.tool);
    assert.ok(tool?.check(call?.args), text);
  }
});

test('a command without its fixed words is answered with the help on it, and another one with nothing', () => {
  assert.deepEqual(read('/file'), { tool: 'gatehouse.help', args: { request: 'file' } });
  assert.deepEqual(read('/file burn x'), { tool: 'gatehouse.help', args: { request: 'file' } });
  assert.equal(read('/constructor x'), null);
  assert.equal(read('/pay 1 EUR ACME x'), null, 'the workflow has an output of its own for it');
});

test('a name of JavaScript stays a name', () => {
  const call = read('/hook orders order.shipped __proto__=1 constructor=2');
  assert.deepEqual(Object.keys(call?.args.data as object), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(call?.args.data), Object.prototype);
});

test('a command that names what is not there, lacks what is required or is taken is a fault of its file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-command-'));
  try {
    cpSync(policies, dir, { recursive: true });
    const file = (name: string, command: string): void =>
      writeFileSync(
        join(dir, `tools/${name}.yaml`),
        `name: ${name}
title: Test
description: Test.
risk: read
args:
  type: object
  properties: { a: { type: string, maxLength: 9 }, b: { type: string, maxLength: 9 } }
  required: [a]
  additionalProperties: false
kinds: { a: content, b: content }
command: ${JSON.stringify(command)}
sentence: Test
done: Test
idempotencyKey: attempt
connector: { kind: gatehouse, action: help }
`,
      );
    for (const [command, fault] of [
      ['/t {a} {c}', /no argument `c`/],
      ['/t {a} {a}', /names `a` twice/],
      ['/t {b}', /no place for `a`/],
      ['t {a}', /has another form/],
      ['/t {a} word {b}', /has another form/],
      ['/file read {a}', /files\.read has the command `\/file read` already/],
    ] as const) {
      file('test.tool', command);
      const faults = checkCatalogue(dir).faults.map((each) => each.fault);
      assert.equal(faults.length, 1, `${command}: ${faults.join()}`);
      assert.match(faults[0] ?? '', fault);
    }
    file('test.tool', '/t {a} {b}');
    assert.deepEqual(checkCatalogue(dir).faults, []);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
