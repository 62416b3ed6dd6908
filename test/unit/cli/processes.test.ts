import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatehouseError } from '../../../gateway/config/index.ts';
import { acquireLock, readHolder } from '../../../gateway/cli/up/lock.ts';
import { Part } from '../../../gateway/cli/up/part.ts';
import { alive, endLeftovers, identityOf, ProcessList } from '../../../gateway/cli/up/processes.ts';
import { silentReporter } from '../../../gateway/cli/up/steps.ts';
import { supervise } from '../../../gateway/cli/up/supervise.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-processes-'));
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function sleeper(script = 'setInterval(() => undefined, 1000)'): ChildProcess {
  const child = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' });
  started.push(child);
  return child;
}

test('a second start in the same folder is refused and told who runs', async () => {
  const path = join(folder, 'one.lock');
  const lock = await acquireLock(path);
  await assert.rejects(acquireLock(path), (error: GatehouseError) => {
    assert.equal(error.code, 'GH-UP-001');
    assert.match(error.message, new RegExp(`process ${process.pid}`));
    return error.status === 409;
  });
  await lock.release();
  await (await acquireLock(path)).release();
});

test('a start right after a stop waits for it instead of being refused', async () => {
  const path = join(folder, 'stopping.lock');
  const earlier = await acquireLock(path);
  await earlier.stopping();
  let told = 0;
  const next = acquireLock(path, () => (told += 1));
  await sleep(400);
  await earlier.release();
  await (await next).release();
  assert.equal(told, 1);
});

test('of ten starts at once exactly one gets the lock', async () => {
  const path = join(folder, 'race.lock');
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => acquireLock(path)));
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
});

test('a lock of a killed process, or of a number that a stranger got since, does not hold', async () => {
  const path = join(folder, 'stale.lock');
  writeFileSync(path, JSON.stringify({ pid: process.pid, identity: 'another life', since: 'then' }));
  assert.equal(await readHolder(path), undefined);
  await (await acquireLock(path)).release();
  writeFileSync(path, '{half');
  await (await acquireLock(path)).release();
});

test('what a killed start left running is ended, and a stranger with a noted number is left alone', async () => {
  const mine = sleeper();
  const stranger = sleeper();
  const path = join(folder, 'processes.json');
  const list = new ProcessList(path);
  await list.note('n8n', mine.pid as number);
  const known = JSON.parse(readFileSync(path, 'utf8')) as { identity: string }[];
  writeFileSync(
    path,
    JSON.stringify([...known, { name: 'gateway', pid: stranger.pid, identity: 'another life' }]),
  );
  assert.deepEqual(await endLeftovers(path), ['n8n']);
  assert.equal(identityOf(mine.pid as number), undefined);
  assert.notEqual(identityOf(stranger.pid as number), undefined);
});

test('a process that ignores the polite signal is ended by the other one', async () => {
  let child: ChildProcess | undefined;
  const part = new Part(
    {
      name: 'n8n',
      spawn: () =>
        (child = sleeper("process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000)")),
      healthy: () => sleep(300, true),
      signals: ['SIGTERM', 'SIGKILL'],
      graceMs: 300,
      startMs: 5000,
      log: 'log',
    },
    new ProcessList(join(folder, 'stubborn.json')),
  );
  await part.start();
  await part.stop();
  assert.equal(child?.signalCode, 'SIGKILL');
  assert.equal(part.pid, undefined);
});

test('a part that ends while it starts is a failure that says its last words and names its log', async () => {
  const log = join(folder, 'early.log');
  writeFileSync(log, 'of an earlier start\n');
  const part = new Part(
    {
      name: 'gateway',
      spawn: () => {
        appendFileSync(log, '{"msg":"for machines"}\npeople.yaml:3: not a list\n');
        return sleeper('process.exit(7)');
      },
      healthy: () => Promise.resolve(false),
      signals: ['SIGTERM', 'SIGKILL'],
      graceMs: 300,
      startMs: 5000,
      log,
    },
    new ProcessList(join(folder, 'early.json')),
  );
  await assert.rejects(part.start(), (error: GatehouseError) => {
    assert.equal(error.code, 'GH-UP-004');
    assert.equal(
      error.message,
      'gateway ended with exit code 7 while it started.\n  people.yaml:3: not a list',
    );
    return error.next === `Its log: ${log}`;
  });
});

test('a part that is killed is started again; one that is stopped stays down', async () => {
  const part = new Part(
    {
      name: 'gateway',
      spawn: () => sleeper(),
      healthy: () => Promise.resolve(true),
      signals: ['SIGTERM', 'SIGKILL'],
      graceMs: 1000,
      startMs: 5000,
      log: 'log',
    },
    new ProcessList(join(folder, 'again.json')),
  );
  await part.start();
  const unwatch = supervise(part, silentReporter, () => assert.fail('gave up'));
  const first = part.pid as number;
  process.kill(first, 'SIGKILL');
  for (let waited = 0; waited < 5000 && (part.pid === undefined || part.pid === first); waited += 50)
    await sleep(50);
  const second = part.pid as number;
  assert.notEqual(second, first);
  assert.ok(alive({ pid: second, identity: identityOf(second) as string }));
  unwatch();
  await part.stop();
  await sleep(800);
  assert.equal(part.pid, undefined);
});
