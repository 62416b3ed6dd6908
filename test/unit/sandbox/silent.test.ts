import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Docker from 'dockerode';
import { createLogger } from '../../../gateway/config/index.ts';
import { labels } from '../../../gateway/sandbox/identity.ts';
import { createSandbox, defaultImages, startRunner } from '../../../gateway/sandbox/index.ts';

const token = 'a-token-that-is-long-enough-for-a-test';
const docker = new Docker();
const socketPath = process.env.DOCKER_HOST?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';

/** The engine, behind a socket of its own; of what is asked first about the end of a container it says nothing. */
async function silentEngine(path: string): Promise<Server> {
  let silent = false;
  const server = createServer((client) => {
    const engine = connect(socketPath);
    client.on('data', (chunk: Buffer) => {
      if (!silent && /^POST \/containers\/\w+\/wait/.test(chunk.toString('latin1', 0, 200))) silent = true;
      else engine.write(chunk);
    });
    engine.pipe(client);
    client.on('close', () => engine.destroy()).on('error', () => undefined);
    engine.on('close', () => client.destroy()).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

test('an engine that does not say how a run ended holds no turn, and its container goes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'silent-engine-'));
  const engine = await silentEngine(join(folder, 'docker.sock'));
  const runner = await startRunner({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    images: defaultImages,
    log: createLogger('silent'),
    docker: new Docker({ socketPath: join(folder, 'docker.sock') }),
    parallel: 1,
    warmth: { max: 0, idleMs: 60_000 },
  });
  try {
    const sandbox = createSandbox({ runnerUrl: runner.url, token });
    const endless = { language: 'shell', code: 'sleep 100', limits: { timeoutMs: 100 } } as const;
    const [first, second] = await Promise.all([
      sandbox.run(endless),
      sandbox.run({ language: 'shell', code: 'echo next' }),
    ]);
    assert.equal(first.status, 'sandbox_unavailable');
    assert.equal(first.reason?.code, 'docker_silent');
    assert.equal(second.stdout, 'next\n');
    const health = (await (await fetch(`${runner.url}/healthz`)).json()) as { runner: string };
    const filters = { label: [`${labels.runner}=${health.runner}`] };
    const deadline = Date.now() + 10_000;
    while ((await docker.listContainers({ all: true, filters })).length > 0) {
      assert.ok(Date.now() < deadline, 'a container is still there');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await runner.stop();
    engine.close();
    rmSync(folder, { recursive: true });
  }
});
