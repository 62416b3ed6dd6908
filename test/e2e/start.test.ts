import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, layout, repository } from '../../gateway/cli/up/index.ts';
import { alive, type Known } from '../../gateway/cli/up/processes.ts';

// A folder name that has caught many a script: spaces and letters beyond ASCII.
const dir = join(mkdtempSync(join(tmpdir(), 'gatehouse-start-')), 'mein Ordner ü');
const paths = layout(dir);
const ports = await freePorts();
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  GATEHOUSE_UP_DIR: dir,
  GATEHOUSE_PUBLIC_PORT: String(ports.public),
  GATEHOUSE_INTERNAL_PORT: String(ports.internal),
  GATEHOUSE_UP_N8N_PORT: String(ports.n8n),
  GATEHOUSE_UP_N8N_BROKER_PORT: String(ports.broker),
  GATEHOUSE_UP_POSTGRES_PORT: String(ports.postgres),
  GATEHOUSE_UP_RUNNER_PORT: String(ports.runner),
  // Nothing listens there: what is on this machine must be reached past a proxy.
  HTTP_PROXY: 'http://127.0.0.1:9',
  NODE_USE_ENV_PROXY: '1',
  LANG: undefined,
};

interface Told {
  urls: { chat: string };
  links: Record<string, string>;
}

const started: ChildProcess[] = [];
after(async () => {
  for (const child of started)
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGINT');
  await Promise.all(started.map((child) => ended(child)));
  await run('reset');
  rmSync(join(dir, '..'), { recursive: true, force: true });
});

/** Runs an npm script as a person does, in a process group of its own as a terminal gives it. */
function npm(
  script: string,
  args: string[] = [],
): { child: ChildProcess; said: () => string; told: () => string } {
  const child = spawn('npm', ['run', '--silent', script, '--', ...args], {
    cwd: repository,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let out = '';
  let error = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (error += text));
  return { child, said: () => error, told: () => out };
}

async function run(script: string): Promise<{ code: number | null; said: string }> {
  const { child, said, told } = npm(script);
  await ended(child);
  return { code: child.exitCode, said: said() + told() };
}

async function start(): Promise<{ child: ChildProcess; said: () => string; ready: Told }> {
  const { child, said, told } = npm('start', ['--json']);
  while (!told().endsWith('}\n')) {
    assert.equal(child.exitCode, null, said());
    await sleep(100);
  }
  return { child, said, ready: JSON.parse(told()) as Told };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  process.kill(-(child.pid as number), signal);
}

function processes(): Known[] {
  return JSON.parse(readFileSync(paths.processes, 'utf8')) as Known[];
}

/** Sends `stop`, and holds the promise that nothing is left ten seconds later. */
async function stopsInTime(child: ChildProcess, stop: () => void): Promise<void> {
  const parts = processes();
  assert.deepEqual(
    parts.map(({ name }) => name).filter((name) => name !== 'runner'),
    ['postgres', 'gateway', 'n8n'],
  );
  const begun = performance.now();
  stop();
  await ended(child);
  while (parts.some(alive)) {
    assert.ok(performance.now() - begun < 10_000, `${JSON.stringify(parts.filter(alive))} still run`);
    await sleep(50);
  }
  assert.ok(!existsSync(paths.lock));
}

test('the start is one command, is told from a second one, and other commands find it where it is', async () => {
  const { child, ready } = await start();
  assert.equal(ready.urls.chat, `http://localhost:${ports.public}/`);
  for (const account of ['requester', 'approver-a', 'approver-b', 'admin'])
    assert.equal((await fetch(ready.links[account] ?? '')).status, 200);

  const second = await run('start');
  assert.equal(second.code, 3);
  assert.match(second.said, /already runs here: process \d+[\s\S]*GH-UP-001/);
  const reset = await run('reset');
  assert.equal(reset.code, 3);
  assert.match(reset.said, /Stop it first[\s\S]*GH-UP-007/);

  const link = spawn(
    process.execPath,
    [join(repository, 'gateway/cli/main.ts'), 'people', 'link', 'requester'],
    {
      env: { ...environment, GATEHOUSE_PUBLIC_PORT: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let url = '';
  link.stdout.setEncoding('utf8').on('data', (text: string) => (url += text));
  await once(link, 'close');
  assert.equal((await fetch(url.trim())).status, 200);

  await stopsInTime(child, () => process.kill(child.pid as number, 'SIGINT'));
});

test('after kill -9 of the start itself the next one ends what was left and is ready, and Ctrl-C stops it', async () => {
  const first = await start();
  const { pid } = JSON.parse(readFileSync(paths.lock, 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  await ended(first.child);
  assert.ok(processes().every(alive), 'the parts outlive the one who started them');
  const next = await start();
  assert.match(next.said(), /ended what an earlier start left running: .*n8n/);
  assert.doesNotMatch(next.said(), /npm ci|imported and published/);
  await stopsInTime(next.child, () => signalGroup(next.child, 'SIGINT'));
});

test('a start right after a kill of npm waits for the one that stops, and a reset starts over', async () => {
  const first = await start();
  process.kill(first.child.pid as number, 'SIGKILL');
  const next = await start();
  await stopsInTime(next.child, () => signalGroup(next.child, 'SIGTERM'));
  const { code, said } = await run('reset');
  assert.equal(code, 0, said);
  assert.ok(!existsSync(dir) && !existsSync(paths.postgres));
});
