import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Command } from 'commander';
import { printError } from '../../../gateway/cli/output.ts';
import { createProgram } from '../../../gateway/cli/program.ts';
import { repository } from '../../../gateway/cli/up/index.ts';

const bin = join(repository, 'gateway/cli/gatehouse.mjs');
const dir = mkdtempSync(join(tmpdir(), 'gatehouse-command-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function gatehouse(
  args: string[],
  input = '',
  environment: NodeJS.ProcessEnv = {},
): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    input,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: dir, GATEHOUSE_UP_DIR: dir, ...environment },
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

test('npm hands a signal to the program itself: a shell between them would keep Ctrl-C for later', () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of ['start', 'reset', 'test', 'test:unit', 'test:e2e', 'test:crash'])
    assert.match(scripts[name] ?? '', /^exec node /, name);
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

test('settings say where they come from: given here, from the start that runs, or a default', () => {
  writeFileSync(
    join(dir, 'running.json'),
    JSON.stringify({
      settings: {
        GATEHOUSE_DATABASE_URL: 'postgres://gatehouse:canary-password@127.0.0.1:5539/gatehouse',
        GATEHOUSE_PUBLIC_PORT: '8180',
        GATEHOUSE_LOG_LEVEL: 'warn',
      },
    }),
  );
  const { out } = gatehouse(['config', '--json'], '', { GATEHOUSE_LOG_LEVEL: 'debug' });
  assert.doesNotMatch(out, /canary/);
  const rows = JSON.parse(out) as { name: string; value: string | null; from: string }[];
  const shown = (name: string): unknown => {
    const row = rows.find((other) => other.name === name);
    return row && [row.value, row.from];
  };
  assert.deepEqual(shown('GATEHOUSE_DATABASE_URL'), [
    'postgres://gatehouse:***@127.0.0.1:5539/gatehouse',
    'npm start',
  ]);
  assert.deepEqual(shown('GATEHOUSE_PUBLIC_URL'), ['http://localhost:8180', 'default']);
  assert.deepEqual(shown('GATEHOUSE_LOG_LEVEL'), ['debug', 'environment']);
  assert.deepEqual(shown('GATEHOUSE_KEY_FILE'), [null, 'not set']);
  const other = gatehouse(['config', '--json'], '', {
    GATEHOUSE_DATABASE_URL: 'postgres://u:p@h/db?password=canary',
  });
  assert.doesNotMatch(other.out, /canary|8180/);
});

test('a folder that is no stack of ours survives a reset', () => {
  const home = join(dir, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'letter.txt'), 'dear');
  const { code, err } = gatehouse(['reset', '--yes', '--dir', home]);
  assert.equal(code, 3);
  assert.match(err, /was not written by Gatehouse[\s\S]*GH-UP-009/);
  assert.ok(existsSync(join(home, 'letter.txt')));
});

test('a full or closed disk is told in words, not as a fault of the program', (t) => {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  for (const code of ['ENOSPC', 'EROFS', 'EACCES', 'ENOTDIR']) {
    const error = Object.assign(new Error(`${code}: refused, open '/stack/up.json'`), {
      code,
      syscall: 'open',
      path: '/stack/up.json',
    });
    assert.equal(printError(error), 1);
  }
  t.mock.restoreAll();
  const [full, readOnly, closed, other] = said;
  assert.match(full ?? '', /up\.json cannot be written: the disk is full\.\nFree some space/);
  assert.match(readOnly ?? '', /read-only\.\nUse a folder/);
  assert.match(closed ?? '', /cannot be read or written by this user\.\nCorrect its owner/);
  assert.match(other ?? '', /^\/stack\/up\.json cannot be used: ENOTDIR/);
  assert.doesNotMatch(said.join(''), /\n {4}at /);
});

test('a reset without a yes removes nothing', () => {
  const { code, err } = gatehouse(['reset']);
  assert.equal(code, 1);
  assert.match(err, /Nothing was removed/);
  assert.ok(statSync(dir).isDirectory());
});
