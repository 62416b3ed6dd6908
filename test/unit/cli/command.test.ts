import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../../gateway/cli/program.ts';

const bin = resolve(import.meta.dirname, '../../../gateway/cli/gatehouse.mjs');
const dir = mkdtempSync(join(tmpdir(), 'gatehouse-command-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function gatehouse(args: string[], input = ''): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    input,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: dir, GATEHOUSE_UP_DIR: dir },
  });
  return { code: status, out: stdout, err: stderr };
}

test('every command explains itself, each of its options and arguments', () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  const commands = all(createProgram());
  assert.ok(commands.length > 15);
  for (const command of commands) {
    assert.notEqual(command.description(), '', command.name());
    for (const option of command.options)
      assert.notEqual(option.description, '', `${command.name()} ${option.flags}`);
  }
  assert.match(gatehouse(['--help']).out, /^Usage: gatehouse /);
});

test('wrong usage ends with 2 and points to the help', () => {
  const { code, err } = gatehouse(['nonsense']);
  assert.equal(code, 2);
  assert.match(err, /unknown command 'nonsense'[\s\S]*--help/);
});

test('a command that needs a database says how to get one', () => {
  const { code, err } = gatehouse(['people', 'list']);
  assert.equal(code, 1);
  assert.match(err, /GATEHOUSE_DATABASE_URL[\s\S]*npm start[\s\S]*GH-CLI-001/);
});

test('a demo beside a gateway of one’s own says which Postgres it needs', () => {
  const { code, err } = gatehouse(['demo']);
  assert.equal(code, 1);
  assert.match(err, /POSTGRES_ADMIN_URL[\s\S]*GH-CLI-024/);
  const refused = gatehouse(['demo', '--admin-url', 'postgres://nobody:x@127.0.0.1:1/postgres']);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /ECONNREFUSED[\s\S]*GH-CLI-025/);
});

test('a secret comes from stdin and is never shown again', () => {
  assert.equal(gatehouse(['secret', 'set', 'slack/bot-token'], 'xoxb-canary\n').code, 0);
  const { out } = gatehouse(['secret', 'list', '--json']);
  assert.equal((JSON.parse(out) as { name: string }[])[0]?.name, 'slack/bot-token');
  assert.doesNotMatch(out, /canary/);
  assert.equal(statSync(dir).mode & 0o077, 0);
});

test('an empty secret is refused', () => {
  const { code, err } = gatehouse(['secret', 'set', 'slack/app-token'], '\n');
  assert.equal(code, 1);
  assert.match(err, /GH-CLI-003/);
});

test('tools and settings are data for machines too', () => {
  const tools = JSON.parse(gatehouse(['tools', 'list', '--json']).out) as { name: string }[];
  assert.ok(tools.some((tool) => tool.name === 'ledger.transfer'));
  const settings = JSON.parse(gatehouse(['config', '--json']).out) as { name: string; from: string }[];
  assert.ok(
    settings.some((setting) => setting.name === 'GATEHOUSE_PUBLIC_PORT' && setting.from === 'default'),
  );
});

test('a reset without a yes removes nothing', () => {
  const { code, err } = gatehouse(['reset']);
  assert.equal(code, 1);
  assert.match(err, /Nothing was removed/);
  assert.ok(statSync(dir).isDirectory());
});
