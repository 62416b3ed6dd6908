import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLogger } from '../../../gateway/config/index.ts';
import { createSchedules, dueOf, timesToRun, type Schedule } from '../../../gateway/durable/index.ts';
import { nextTime } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const morning: Schedule = { name: 'morning', cron: '0 7 * * *', timezone: 'Europe/Berlin', missed: 'once' };
const at = (iso: string): Date => new Date(iso);
const iso = (times: readonly Date[]): string[] => times.map((time) => time.toISOString().slice(0, 16));

test('times are those of the wall clock, also over a change of it', () => {
  assert.equal(nextTime(morning, at('2026-03-28T06:30:00Z')).toISOString(), '2026-03-29T05:00:00.000Z');
  assert.equal(nextTime(morning, at('2026-10-24T05:30:00Z')).toISOString(), '2026-10-25T06:00:00.000Z');
  // 02:30 does not exist on that night: it is run once all the same, and not twice in the night that has two.
  const night = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };
  const spring = nextTime(night, at('2026-03-28T12:00:00Z'));
  assert.equal(spring.toISOString().slice(0, 10), '2026-03-29');
  const autumn = nextTime(night, at('2026-10-24T12:00:00Z'));
  assert.equal(nextTime(night, autumn).toISOString().slice(0, 10), '2026-10-26');
});

const due = at('2026-11-02T06:00:00Z');
const missed: [Schedule['missed'], string, string[]][] = [
  ['skip', '2026-11-05T12:00:00Z', []],
  ['once', '2026-11-05T12:00:00Z', ['2026-11-05T06:00']],
  [
    'all',
    '2026-11-05T12:00:00Z',
    ['2026-11-02T06:00', '2026-11-03T06:00', '2026-11-04T06:00', '2026-11-05T06:00'],
  ],
  ['skip', '2026-11-05T06:00:30Z', ['2026-11-05T06:00']],
  ['once', '2026-11-05T06:00:30Z', ['2026-11-05T06:00']],
];
for (const [policy, now, times] of missed)
  test(`of missed times, ${policy} runs ${times.length} at ${now}`, () => {
    assert.deepEqual(iso(timesToRun({ ...morning, missed: policy }, due, at(now))), times);
  });

test('what runs often is not made up for without an end', () => {
  const often = { ...morning, cron: '* * * * *', missed: 'all' as const };
  const times = timesToRun(often, due, at('2026-11-05T12:00:00Z'));
  assert.equal(times.length, 100);
  assert.equal(times.at(-1)?.toISOString(), '2026-11-05T12:00:00.000Z');
});

test('a job says which time it is for, and other jobs say none', () => {
  assert.deepEqual(dueOf('schedule:morning@2026-11-02T06:00:00.000Z'), { name: 'morning', at: due });
  assert.equal(dueOf('att_01a21efd-697c-7000-998b-e288b4f57b07'), null);
});

let db: TestDatabase;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());

test('each time is handed out once, however many gateways look', async () => {
  const jobs: string[] = [];
  const list: Schedule[] = [{ ...morning, missed: 'all' }];
  const gateways = Array.from({ length: 4 }, () =>
    createSchedules({
      pool: db.pool,
      executor: { later: (_tx, job) => Promise.resolve(void jobs.push(job)) },
      list: () => list,
      log: createLogger('silent'),
    }),
  );
  const lookAll = (): Promise<unknown> => Promise.all(gateways.map((gateway) => gateway.look()));
  await lookAll();
  assert.deepEqual(jobs, [], 'a new schedule begins with its next time');
  await db.pool.query(`update schedules set due_at = due_at - interval '3 days'`);
  await lookAll();
  assert.equal(jobs.length, 3);
  assert.equal(new Set(jobs).size, 3);
  await lookAll();
  assert.equal(jobs.length, 3);

  await db.pool.query(`update schedules set due_at = due_at - interval '3 days'`);
  list[0] = { ...morning, cron: '0 8 * * *', missed: 'all' };
  await lookAll();
  assert.equal(jobs.length, 3, 'another time of day owes nothing of the former one');
});
