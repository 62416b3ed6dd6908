import assert from 'node:assert/strict';
import { once } from 'node:events';
import { linkSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { createLogger } from '../../../gateway/config/index.ts';
import { containerOf } from '../../../gateway/sandbox/container.ts';
import {
  createSandbox,
  defaultImages,
  startRunner,
  type Runner,
  type RunRequest,
} from '../../../gateway/sandbox/index.ts';
import { Turns } from '../../../gateway/sandbox/turns.ts';

const token = 'a-token-that-is-long-enough-for-a-test';
const job = { language: 'shell', code: 'echo ran' } as const;
let runner: Runner;

before(async () => {
  runner = await startRunner({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    images: defaultImages,
    log: createLogger('silent'),
    docker: new Docker({ socketPath: '/nowhere/docker.sock' }),
  });
});
after(() => runner.stop());

test('without Docker a run is sandbox_unavailable', async () => {
  const result = await createSandbox({ runnerUrl: runner.url, token }).run(job);
  assert.equal(result.status, 'sandbox_unavailable');
  assert.equal(result.reason?.code, 'docker_unreachable');
  assert.equal(result.stdout, '');
  assert.equal((await fetch(`${runner.url}/healthz`)).status, 503);
});

test('without a runner, or with a wrong address, a run is sandbox_unavailable', async () => {
  assert.equal((await createSandbox({ runnerUrl: undefined, token }).run(job)).reason?.code, 'no_runner');
  assert.equal(
    (await createSandbox({ runnerUrl: runner.url, token: undefined }).run(job)).reason?.code,
    'no_runner',
  );
  const nobody = createSandbox({ runnerUrl: 'http://127.0.0.1:9', token });
  assert.equal((await nobody.run(job)).reason?.code, 'runner_unreachable');
});

test('attack: an answer that is not a run result is not believed', async () => {
  for (const [status, body] of [
    [200, '{"status":"ok"}'],
    [200, 'no json'],
    [302, ''],
    [500, '{}'],
  ] as const) {
    const impostor = createServer((_request, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end(body);
    });
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
    const { port } = impostor.address() as AddressInfo;
    const result = await createSandbox({ runnerUrl: `http://127.0.0.1:${port}`, token }).run(job);
    assert.equal(result.status, 'sandbox_unavailable', `${status} ${body}`);
    impostor.closeAllConnections();
    impostor.close();
  }
});

test('a run that is not usable says so, and names its field', async () => {
  const sandbox = createSandbox({ runnerUrl: runner.url, token });
  const bad: [object, string][] = [
    [{ ...job, language: 'ruby' }, 'language'],
    [{ ...job, code: '' }, 'bytes.code'],
    [{ ...job, code: 'é'.repeat(60_000) }, 'bytes.code'],
    [{ ...job, stdin: 'x'.repeat(2_000_000) }, 'bytes.stdin'],
    [{ ...job, limits: { memoryMb: 1_000_000 } }, 'memoryMb'],
    [{ ...job, limits: { timeoutMs: 0 } }, 'timeoutMs'],
    [{ ...job, artefacts: ['../x'] }, 'artefacts.0'],
    [{ ...job, artefacts: ['/etc/passwd'] }, 'artefacts.0'],
  ];
  for (const [run, field] of bad) {
    const result = await sandbox.run(run as RunRequest);
    assert.equal(result.status, 'error', field);
    assert.equal(result.reason?.code, 'bad_request', field);
    assert.match(result.reason.text, new RegExp(field.replace('.', '\\.')));
  }
});

test('a Unix socket serves as an address, for its user alone, and a stale one is taken over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-runner-'));
  const socket = join(folder, 'runner.sock');
  const options = { listen: { socket }, token, images: defaultImages, log: createLogger('silent') };
  const docker = new Docker({ socketPath: '/nowhere/docker.sock' });
  const one = await startRunner({ ...options, docker });
  try {
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const result = await createSandbox({ runnerUrl: `unix:${socket}`, token }).run(job);
    assert.equal(result.reason?.code, 'docker_unreachable');
  } finally {
    await one.stop();
  }
  // A second name of the socket stays where its server is gone.
  const dead = createServer().listen(`${socket}.first`);
  await once(dead, 'listening');
  linkSync(`${socket}.first`, socket);
  const another = startRunner({ ...options, docker });
  await assert.rejects(another, { code: 'GH-SANDBOX-009' }, 'the socket of a program that runs');
  dead.close();
  await once(dead, 'close');
  assert.ok(statSync(socket).isSocket());
  const two = await startRunner({ ...options, docker });
  await two.stop();
  writeFileSync(socket, 'a file of somebody');
  await assert.rejects(startRunner({ ...options, docker }), { code: 'GH-SANDBOX-009' });
  rmSync(folder, { recursive: true });
  const gone = startRunner({ ...options, docker });
  await assert.rejects(gone, { code: 'GH-SANDBOX-009' }, 'a folder that is not there');
  const taken = { host: '127.0.0.1', port: Number(new URL(runner.url).port) };
  await assert.rejects(startRunner({ ...options, docker, listen: taken }), { code: 'GH-SANDBOX-009' });
});

test('a runner without a token does not start', async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  const options = { listen, images: defaultImages, log: createLogger('silent') };
  for (const short of ['', 'short']) {
    await assert.rejects(startRunner({ ...options, token: short }), { code: 'GH-SANDBOX-001' });
  }
});

test('turns: a few run, a few wait, the rest are told', async () => {
  const turns = new Turns(1, 1);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = turns.run(
    async () => (await held, 'first'),
    () => 'full',
  );
  const second = turns.run(
    () => Promise.resolve('second'),
    () => 'full',
  );
  assert.equal(
    await turns.run(
      () => Promise.resolve('third'),
      () => 'full',
    ),
    'full',
  );
  release();
  assert.deepEqual(await Promise.all([first, second]), ['first', 'second']);
  assert.equal(
    await turns.run(
      () => Promise.resolve('later'),
      () => 'full',
    ),
    'later',
  );
});

test('a run is given no file of this machine, so it can write neither policies nor keys', () => {
  const limits = { memoryMb: 64, cpus: 1, pids: 16 };
  const runner = { id: 'runner', url: 'http://127.0.0.1:1' };
  const posture = { image: 'image', runner, uid: 60_578, language: 'shell', limits } as const;
  const { HostConfig, Volumes } = containerOf(posture);
  assert.deepEqual(
    [HostConfig?.Binds, HostConfig?.Mounts, HostConfig?.VolumesFrom, Volumes],
    [undefined, undefined, undefined, undefined],
  );
  assert.equal(HostConfig?.ReadonlyRootfs, true);
});

test('no connector but the one for files reaches files, and none reaches programs of this machine', () => {
  const folder = new URL('../../../gateway/tools/connectors/', import.meta.url);
  const names = readdirSync(folder, { recursive: true }).map(String);
  assert.ok(names.length > 4);
  for (const name of names.filter((one) => one.endsWith('.ts'))) {
    const kept = name.startsWith('files/')
      ? /node:(child_process|worker_threads)/
      : /node:(fs|child_process|worker_threads)/;
    assert.doesNotMatch(readFileSync(new URL(name, folder), 'utf8'), kept, name);
  }
});
