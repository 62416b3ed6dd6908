import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchCredentials } from '../../../gateway/cli/n8n-watch.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { Synced } from '../../../gateway/vault/index.ts';

const inMs = (ms: number): Date => new Date(Date.now() + ms);
const refused = new GatehouseError('GH-VAULT-031', 'The secret is what tools use.', { status: 403 });
const entry = (state: Synced['state'], dueInMs: number): Synced => ({
  name: 'Reports',
  state,
  until: inMs(dueInMs + 10_000),
  due: inMs(dueInMs),
  ...(state === 'failed' ? { error: refused } : {}),
});

/** Runs the watch over these looks, and ends it in the pause after the last. */
async function watched(
  looks: (Synced[] | Error)[],
): Promise<{ pauses: number[]; told: string[]; failed: unknown[] }> {
  const stopping = new AbortController();
  const pauses: number[] = [];
  const told: string[] = [];
  const failed: unknown[] = [];
  let next = 0;
  await watchCredentials(
    () => {
      const look = looks[next++];
      return look instanceof Error ? Promise.reject(look) : Promise.resolve({ synced: look ?? [] });
    },
    {
      told: ({ synced }) => void told.push(synced.map(({ state }) => state).join()),
      failed: (error) => void failed.push(error),
      signal: stopping.signal,
      pause(ms) {
        pauses.push(Math.round(ms / 1000));
        if (pauses.length === looks.length) stopping.abort();
        return Promise.resolve();
      },
    },
  );
  assert.equal(next, looks.length);
  return { pauses, told, failed };
}

test('the next look is when the first is due, a minute later at most, and tells only of what was done', async () => {
  const { pauses, told } = await watched([
    [entry('written', 40_000), entry('kept', 20_000)],
    [entry('kept', 300_000)],
    [entry('removed', 300_000)],
    [],
  ]);
  assert.deepEqual(pauses, [20, 60, 60, 60]);
  assert.deepEqual(told, ['written,kept', 'removed']);
});

test('one that is refused is tried again a minute later, not at once, and holds no other up', async () => {
  const { pauses, told } = await watched([
    [entry('failed', -5000)],
    [entry('failed', 2000), entry('kept', 30_000)],
    [entry('written', 40_000), entry('kept', 30_000)],
  ]);
  assert.deepEqual(pauses, [60, 30, 30]);
  assert.deepEqual(told, ['failed', 'failed,kept', 'written,kept']);
});

test('one that is overdue all the same is not asked for without a pause', async () => {
  assert.deepEqual((await watched([[entry('written', 900)], [entry('kept', -1)]])).pauses, [1, 60]);
});

test('a look that fails, such as for n8n or the database, is told, and the next is a minute later', async () => {
  const away = new Error('away');
  const { pauses, failed } = await watched([away, [entry('written', 40_000)]]);
  assert.deepEqual([pauses, failed], [[60, 40], [away]]);
});

test('a stop ends the pause, and no look follows', async () => {
  const stopping = new AbortController();
  let looks = 0;
  const over = watchCredentials(
    () => {
      looks += 1;
      setImmediate(() => stopping.abort());
      return Promise.resolve({ synced: [] });
    },
    { told: () => assert.fail(), failed: () => assert.fail(), signal: stopping.signal },
  );
  await over;
  assert.equal(looks, 1);
});
