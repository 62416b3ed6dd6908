import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { createLimits, type Limits } from '../../../gateway/sessions/index.ts';

const start = 1_800_000_000_000;

async function limits(source: string, clock: () => Date): Promise<Limits> {
  const policiesDir = await mkdtemp(join(tmpdir(), 'limits-'));
  await writeFile(join(policiesDir, 'limits.yaml'), source);
  return createLimits({ policiesDir, clock });
}

const small = `default:
  sender: { messages: 2, seconds: 60, queue: 4 }
  channel: { messages: 5, seconds: 60, queue: 100 }
`;
const ann = { channel: 'slack', account: 'T1', sender: 'U1' };

test('the shipped limits load', async () => {
  const shipped = await createLimits({ policiesDir: resolve(import.meta.dirname, '../../../policies') });
  assert.deepEqual(await shipped.consume(ann), { verdict: 'go' });
});

test('the excess waits in order, its sender is told once, and only past the bound is refused', async () => {
  const limiter = await limits(small, () => new Date(start + 10_000));
  const answers = await limiter.consumeAll(Array.from({ length: 8 }, () => ann));
  assert.deepEqual(answers, [
    { verdict: 'go' },
    { verdict: 'go' },
    { verdict: 'later', waitMs: 50_000, tell: true },
    { verdict: 'later', waitMs: 50_000, tell: false },
    { verdict: 'later', waitMs: 110_000, tell: false },
    { verdict: 'later', waitMs: 110_000, tell: false },
    { verdict: 'refuse', tell: true },
    { verdict: 'refuse', tell: false },
  ]);
});

test('who waits has taken a place in the next window: a new message there comes after them', async () => {
  let now = start;
  const limiter = await limits(small, () => new Date(now));
  await limiter.consumeAll([ann, ann, ann, ann]);
  now += 60_000;
  assert.deepEqual(await limiter.consume(ann), { verdict: 'later', waitMs: 60_000, tell: false });
});

test('a flood of one sender leaves others untouched until the channel itself is full', async () => {
  const limiter = await limits(small, () => new Date(start));
  const flood = await limiter.consumeAll(Array.from({ length: 50 }, () => ann));
  assert.equal(flood.filter((answer) => answer.verdict === 'refuse').length, 44);
  const other = { ...ann, account: 'T2' };
  assert.deepEqual(await limiter.consume(other), { verdict: 'go' });
  assert.equal(
    (await limiter.consume({ ...ann, sender: 'U2' })).verdict,
    'later',
    'six of T1 took the five places',
  );
});

test('a limit that cannot be read is refused with file and line', async () => {
  await assert.rejects(
    limits('default:\n  sender: { messages: 0, seconds: 60, queue: 1 }\n', () => new Date()),
    {
      code: 'GH-SESSIONS-001',
      message: /limits\.yaml:2: default\.sender\.messages/,
    },
  );
});
