import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sweepRetention } from '../../../gateway/delivery/retention.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let db: TestDatabase;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());

const sweep = (): ReturnType<typeof sweepRetention> =>
  sweepRetention({
    pool: db.pool,
    settings: { rawRetentionHours: 72, textRetentionHours: 720 } as Parameters<
      typeof sweepRetention
    >[0]['settings'],
  });

const message = (id: string, days: number, state: string, envelope: object | null): Promise<unknown> =>
  db.pool.query(
    `insert into messages (id, channel, event, state, envelope, raw, received_at)
     values ($1, 'web', 'created', $2, $3, 'raw', now() - $4 * interval '1 day')`,
    [id, state, envelope, days],
  );

test('a message stays as long as its text, and its id for eight days at least', async () => {
  const text = { data: { content: { text: 'hello' } } };
  await message('fresh', 1, 'done', text);
  await message('older', 9, 'done', text);
  await message('waits', 40, 'queued', text);
  await message('past', 31, 'done', text);
  await message('refused', 7, 'refused', null);
  await message('refused before', 9, 'refused', null);
  assert.deepEqual(await sweep(), { raw: 5, text: 1, messages: 2 });
  const { rows } = await db.pool.query<{ id: string; raw: boolean; text: boolean }>(
    'select id, raw is not null as raw, envelope is not null as text from messages order by id',
  );
  assert.deepEqual(rows, [
    { id: 'fresh', raw: true, text: true },
    { id: 'older', raw: false, text: true },
    { id: 'refused', raw: false, text: false },
    { id: 'waits', raw: false, text: true },
  ]);
});
