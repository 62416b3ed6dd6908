import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { createLogger } from '../../../gateway/config/index.ts';
import { containerOf } from '../../../gateway/sandbox/container.ts';
import { createSandbox, startRunner, type Runner } from '../../../gateway/sandbox/index.ts';
import { Turns } from '../../../gateway/sandbox/turns.ts';

const token = 'a-token-that-is-long-enough-for-a-test';
const job = { language: 'shell', code: 'echo ran' } as const;
let runner: Runner;

before(async () => {
  runner = await startRunner({
    host: '127.0.0.1',
    port: 0,
    token,
    image: 'debian:bookworm-slim',
    log: createLogger('silent'),
    docker: new Docker({ socketPath: '/nowhere/docker.sock' }),
  });
});
after(() => runner.stop());

const post = (body: string, authorization = `Bearer ${token}`): Promise<Response> =>
  fetch(`${runner.url}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body,
  });

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

test('attack: no token, a wrong one or a longer one is refused before the body is read', async () => {
  for (const authorization of ['', 'Bearer', 'Bearer wrong', `Bearer ${token}x`, `Basic ${token}`]) {
    const response = await post(JSON.stringify(job), authorization);
    assert.equal(response.status, 401, authorization);
    assert.equal(((await response.json()) as { code: string }).code, 'GH-SANDBOX-002');
  }
  assert.equal(
    (await createSandbox({ runnerUrl: runner.url, token: 'wrong' }).run(job)).reason?.code,
    'runner_refused',
  );
});

test('a run that is not usable is answered 400 with its field', async () => {
  const bad: [object | string, string][] = [
    [{ ...job, language: 'ruby' }, 'language'],
    [{ ...job, code: '' }, 'code'],
    [{ ...job, code: 'a\0b' }, 'code'],
    [{ ...job, code: 'é'.repeat(60_000) }, 'code'],
    [{ ...job, limits: { memoryMb: 1_000_000 } }, 'limits.memoryMb'],
    [{ ...job, limits: { timeoutMs: 0 } }, 'limits.timeoutMs'],
    [{ ...job, image: 'evil' }, ''],
  ];
  for (const [body, field] of bad) {
    const response = await post(JSON.stringify(body));
    assert.equal(response.status, 400, field);
    assert.equal(((await response.json()) as { field: string }).field, field);
  }
  assert.equal((await post('{')).status, 400);
  assert.equal((await post(JSON.stringify({ ...job, stdin: 'x'.repeat(2_000_000) }))).status, 413);
  const result = await createSandbox({ runnerUrl: runner.url, token }).run({ ...job, code: '' });
  assert.equal(result.status, 'error');
  assert.equal(result.reason?.code, 'bad_request');
});

test('a runner without a token does not start', async () => {
  const options = { host: '127.0.0.1', port: 0, image: 'x', log: createLogger('silent') };
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
  const limits = { timeoutMs: 1000, memoryMb: 64, cpus: 1, pids: 16, outputBytes: 1024 };
  const { HostConfig, Volumes } = containerOf('image', 'runner', { ...job, limits });
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
