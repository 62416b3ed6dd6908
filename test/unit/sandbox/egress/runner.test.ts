import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../../../../gateway/config/index.ts';
import { createSandbox, defaultImages, startRunner } from '../../../../gateway/sandbox/index.ts';
import { get, live as liveIn, startWorld, type World } from './support.ts';

let world: World | undefined;
before(async () => (world = await startWorld()));
after(() => world?.stop());
const live = (name: string, body: (world: World) => Promise<void>): void => liveIn(() => world, name, body);
const fresh = { listen: { host: '127.0.0.1', port: 0 }, images: defaultImages, log: createLogger('silent') };

live(
  'containers wait with and without the way to the proxy, and each serves runs of its own kind',
  async (at) => {
    const waiting = async (): Promise<Record<string, number>> =>
      ((await (await fetch(`${at.runner.url}/healthz`)).json()) as { waiting: Record<string, number> })
        .waiting;
    while (!Object.values(await waiting()).every((count) => count > 0)) await sleep(50);
    assert.deepEqual(Object.keys(await waiting()).sort(), [
      'javascript',
      'javascript with egress',
      'python',
      'python with egress',
      'shell',
    ]);
    const plain = await at.sandbox.run({
      language: 'python',
      code: 'import os, socket\nprint([n for n in os.environ if "PROXY" in n.upper()])\nsocket.create_connection(("127.0.0.1", 3128), 1)',
    });
    assert.match(plain.stdout, /^\[\]/);
    assert.match(plain.stderr, /refused/i);
    assert.match((await at.python(get(`https://api.example.com:${at.vendor.port}/`))).stdout, /^200/);
  },
);

live('a runner that was not told to offers no network', async (at) => {
  const token = randomBytes(32).toString('hex');
  const closed = await startRunner({
    ...fresh,
    token,
    docker: at.docker,
    warmth: { max: 0, idleMs: 60_000 },
  });
  try {
    const sandbox = createSandbox({ runnerUrl: closed.url, token });
    const result = await sandbox.run({ language: 'python', code: 'print("RAN")', egress: [at.rule()] });
    assert.deepEqual([result.status, result.stdout], ['sandbox_unavailable', '']);
  } finally {
    await closed.stop();
  }
});

live('a runtime that the engine lacks is said at the start', async (at) => {
  const token = randomBytes(32).toString('hex');
  const start = startRunner({ ...fresh, token, docker: at.docker, runtime: 'no-such-runtime' });
  await assert.rejects(start, { code: 'GH-SANDBOX-017', message: /no runtime no-such-runtime/ });
});
