import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { createLogger, type Logger } from '../../../gateway/config/index.ts';
import { defaultImages, startRunner, type Runner } from '../../../gateway/sandbox/index.ts';
import { Reaper } from '../../../gateway/sandbox/reaper.ts';

let runner: Runner;
before(async () => {
  runner = await startRunner({
    listen: { host: '127.0.0.1', port: 0 },
    token: 'a-token-that-is-long-enough-for-a-test',
    images: defaultImages,
    log: createLogger('silent'),
    docker: new Docker({ socketPath: '/nowhere/docker.sock' }),
  });
});
after(() => runner.stop());

/** An engine that fails as often as told, and what it was asked; only a fake fails on command. */
function failing(answers: number[]): { container: Docker.Container; asked: string[] } {
  const asked: string[] = [];
  const answer = (what: string) => (): Promise<void> => {
    asked.push(what);
    const statusCode = answers.shift() ?? 204;
    return statusCode === 204
      ? Promise.resolve()
      : Promise.reject(Object.assign(new Error('no'), { statusCode }));
  };
  const container = { id: 'c1', kill: answer('kill'), remove: answer('remove') };
  return { container: container as unknown as Docker.Container, asked };
}
function listening(): { log: Logger; said: string[] } {
  const said: string[] = [];
  const log = { ...createLogger('silent'), error: (_about: object, text: string) => said.push(text) };
  return { log: log as unknown as Logger, said };
}
/** What a runner of this process tells Prometheus. */
async function overdue(): Promise<number> {
  const text = await (await fetch(`${runner.url}/metrics`)).text();
  return Number(/^gatehouse_sandbox_overdue_containers (\d+)$/m.exec(text)?.[1] ?? NaN);
}
async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a container that has to die is killed again until the engine did it, and that is said meanwhile', async () => {
  const { container, asked } = failing([500, 500]);
  const { log, said } = listening();
  new Reaper(log).kill(container);
  await until(async () => asked.length === 2 && (await overdue()) === 1);
  await until(() => asked.length === 3);
  await until(async () => (await overdue()) === 0);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? '', /still there \(kill\); asking Docker again/);
});

test('what is gone already is not killed again, and what is being removed is removed until it is gone', async () => {
  const { log, said } = listening();
  for (const status of [404, 409]) {
    const { container, asked } = failing([status]);
    new Reaper(log).kill(container);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(asked, ['kill']);
  }
  assert.deepEqual(said, []);
  const { container, asked } = failing([409, 500, 404]);
  await new Reaper(log).remove(container);
  assert.equal(asked.length, 3);
  assert.equal(await overdue(), 0);
});

test('a runner that stops does not wait for an engine without end', async () => {
  const { container } = failing(Array(1000).fill(500) as number[]);
  const { log, said } = listening();
  const reaper = new Reaper(log);
  void reaper.remove(container);
  await reaper.stop();
  assert.match(said.at(-1) ?? '', /the next start of a runner removes it/);
  assert.equal(await overdue(), 0);
});
