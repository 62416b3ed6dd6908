import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GroupCommit } from '../../../gateway/db/index.ts';

describe('group commit', () => {
  it('commits a burst in few transactions, in order, one result a caller', async () => {
    const batches: number[][] = [];
    const commit = new GroupCommit<number, number>(
      async (items) => {
        batches.push(items);
        await new Promise((resolve) => setTimeout(resolve, 2));
        return items.map((item) => item * 10);
      },
      { limit: 40 },
    );
    const results = await Promise.all(Array.from({ length: 100 }, (_, index) => commit.add(index)));
    assert.deepEqual(
      results,
      Array.from({ length: 100 }, (_, index) => index * 10),
    );
    assert.deepEqual(
      batches.flat(),
      Array.from({ length: 100 }, (_, index) => index),
    );
    assert.equal(batches.length, 3);
  });

  it('runs one transaction at a time', async () => {
    let open = 0;
    const commit = new GroupCommit<number, void>(
      async (items) => {
        open += 1;
        assert.equal(open, 1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        open -= 1;
        return items.map(() => undefined);
      },
      { limit: 2 },
    );
    await Promise.all(Array.from({ length: 9 }, (_, index) => commit.add(index)));
  });

  it('tells every caller of a failed transaction, and goes on with the next', async () => {
    let fail = true;
    const commit = new GroupCommit<string, string>((items) =>
      fail ? Promise.reject(new Error('disk full')) : Promise.resolve(items),
    );
    const failed = await Promise.allSettled([commit.add('a'), commit.add('b')]);
    assert.deepEqual(
      failed.map((entry) => entry.status),
      ['rejected', 'rejected'],
    );
    fail = false;
    assert.equal(await commit.add('c'), 'c');
  });
});
